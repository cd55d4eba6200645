import { expect, test } from 'bun:test';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { BuildEventJson } from '../../../../foundation/wire/silo/build-session.ts';
import type { BuildView } from './view.ts';
import { createPlainView } from './plain.ts';
import { createTerminalView } from './terminal.ts';

const evil = '\u001b]0;x\u0007';
const events: BuildEventJson[] = [
  { kind: 'pulling', reference: 'a', layer: { id: evil, phase: evil } },
  { kind: 'pushing', reference: 'a', digest: evil },
];

test.each<[string, (out: PassThrough) => BuildView]>([
  ['lines', createPlainView],
  ['the picture', (out) => createTerminalView(out, { now: () => 0, env: { NO_COLOR: '1' } })],
])('words of an engine about layers do nothing to the terminal in %s', async (_, create) => {
  const out = new PassThrough();
  const view = create(out);
  for (const event of events) view.event(event);
  view.note('drawn');
  view.end('done');
  out.end();
  expect(await text(out)).not.toContain(evil);
});
