import { expect, test } from 'bun:test';
import type { BuildProgress } from '../../../engine/build/solve/types.ts';
import { sha256 } from '../../../foundation/oci/digest.ts';
import { createBuildStream } from './build-stream.ts';

const place = { line: 1, column: 1, length: 1, endLine: 1 };
const steps = ['FROM a', 'RUN b', 'RUN c'].map((text, index) => ({
  number: index + 1,
  of: 3,
  stage: '0',
  text,
  place,
}));
const id = sha256('x');
const output = (step: number, text: string): BuildProgress => ({
  kind: 'output',
  step,
  stream: 'stdout',
  bytes: Buffer.from(text),
});
const at = (kind: 'started' | 'cached' | 'done' | 'cancelled', step: number): BuildProgress => ({
  kind,
  step,
  atMs: 0,
});

function opened() {
  const texts: string[] = [];
  const stream = createBuildStream({ write: (text) => texts.push(text) > 0, drained: async () => undefined });
  stream.tell({ kind: 'plan', steps });
  return { stream, said: () => texts.join('') };
}

test('steps that run side by side are told one after the other', () => {
  const { stream, said } = opened();
  for (const progress of [
    at('started', 1),
    at('started', 2),
    at('started', 3),
    output(3, 'three\n'),
    at('done', 1),
    output(2, 'two\n'),
    { kind: 'image', step: 3, id } as const,
    at('cached', 3),
    output(2, 'more\n'),
    at('done', 2),
  ])
    stream.tell(progress);
  expect(said()).toBe(
    'Step 1/3 : FROM a\nStep 2/3 : RUN b\ntwo\nmore\nStep 3/3 : RUN c\nthree\n ---> Using cache\n ---> 2d711642b726\n',
  );
});

test('a step that says much before its turn waits for nobody: it is told out of turn', () => {
  const { stream, said } = opened();
  stream.tell(at('started', 1));
  stream.tell(at('started', 2));
  const big = 'x'.repeat(600_000);
  expect(stream.tell(output(2, big))).toBe(true);
  expect(said()).toHaveLength(18);
  expect(stream.tell(output(2, big))).toBe(true);
  expect(said()).toHaveLength(17 + 18 + 1_200_000);
  stream.tell(output(2, 'rest\n'));
  stream.tell(at('done', 1));
  expect(said()).toEndWith('xrest\n');
});

test('of a build that failed everything comes out, the failed step last', () => {
  const { stream, said } = opened();
  for (const step of [1, 2, 3]) stream.tell(at('started', step));
  stream.tell(output(2, 'bad\n'));
  stream.tell(output(3, 'half\n'));
  stream.tell({ kind: 'failed', step: 2, atMs: 0, message: 'no' });
  stream.tell(at('cancelled', 3));
  stream.end();
  expect(said()).toBe('Step 1/3 : FROM a\nStep 3/3 : RUN c\nhalf\nStep 2/3 : RUN b\nbad\n');
});
