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

test('layers without end fill neither the memory nor the picture', async () => {
  const out = new PassThrough();
  const view = createTerminalView(Object.assign(out, { rows: 5000, columns: 80 }), {
    now: () => 0,
    env: { NO_COLOR: '1' },
  });
  for (let index = 0; index < 3000; index++)
    view.event({ kind: 'pulling', reference: 'a', layer: { id: `layer ${index}`, phase: 'waiting' } });
  view.note('drawn');
  view.end('done');
  out.end();
  const lines = (await text(out)).split('\n').filter((line) => line.includes('waiting'));
  expect(lines.length).toBeLessThan(300);
  expect(lines.at(-1)).toContain('layer 2999');
});
