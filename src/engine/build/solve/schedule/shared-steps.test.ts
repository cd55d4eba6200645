import { expect, test } from 'bun:test';
import { sha256 } from '../../../../foundation/oci/digest.ts';
import { createSharedSteps } from './shared-steps.ts';
import type { StepReport } from '../types.ts';

const image = sha256('image');
const { signal } = new AbortController();

function listener() {
  const said: string[] = [];
  const report: StepReport = {
    running: (id) => void said.push(id),
    output: (_stream, bytes) => said.push(Buffer.from(bytes).toString()) > 0,
    drained: () => Promise.resolve(),
  };
  return { report, said };
}

test('who comes later is told from the beginning, and outlives the first', async () => {
  const steps = createSharedSteps();
  const [first, second] = [listener(), listener()];
  const begun = Promise.withResolvers<StepReport>();
  const end = Promise.withResolvers<void>();
  let times = 0;
  const work = async ({ report }: { report: StepReport }) => {
    times++;
    report.running('container');
    report.output('stdout', Buffer.from('one'));
    begun.resolve(report);
    await end.promise;
    return image;
  };
  const leaving = new AbortController();
  const left = steps
    .join('key', { report: first.report, signal: leaving.signal }, work)
    .catch((error: unknown) => error);
  const report = await begun.promise;
  const stays = steps.join('key', { report: second.report, signal }, work);
  leaving.abort();
  expect(await left).toMatchObject({ kind: 'canceled' });
  report.output('stdout', Buffer.from('two'));
  end.resolve();
  expect(await stays).toBe(image);
  expect(times).toBe(1);
  expect(first.said).toEqual(['container', 'one']);
  expect(second.said).toEqual(['container', 'one', 'two']);
});

test('one who does not listen keeps the step waiting only while nobody else does', async () => {
  const steps = createSharedSteps();
  const deaf: StepReport = {
    running: () => undefined,
    output: () => false,
    drained: () => new Promise(() => undefined),
  };
  const attentive = listener();
  const joined = Promise.withResolvers<void>();
  const work = async ({ report }: { report: StepReport }) => {
    await joined.promise;
    report.output('stdout', Buffer.from('one'));
    await report.drained();
    report.output('stdout', Buffer.from('two'));
    return image;
  };
  const both = [
    steps.join('key', { report: deaf, signal }, work),
    steps.join('key', { report: attentive.report, signal }, work),
  ];
  joined.resolve();
  expect(await Promise.all(both)).toEqual([image, image]);
  expect(attentive.said).toEqual(['one', 'two']);
});
