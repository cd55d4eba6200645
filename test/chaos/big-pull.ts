import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEngine } from '../e2e/harness.ts';
import { startBigRegistry } from './big-registry.ts';

/**
 * `make big-pull`: pulls an image of 4 GB (or SILO_BIG_MB) with the network cut three times and the engine killed three times on the way. Ends with exit
 * code 1 when the image does not come, when bytes were fetched twice beyond the last few MB of each break, or when the engine grew above 200 MB.
 */
const megabyte = 1_000_000;
const totalBytes = Number(process.env['SILO_BIG_MB'] ?? 4000) * megabyte;
const layers = 8;
/** Per break and connection: socket buffers of both sides, and what was gathered for the next write. */
const lostPerBreak = 3 * 8 * megabyte;
const memoryLimit = 200 * megabyte;

const tell = (line: string): void => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);

tell(`making an image of ${layers} layers, ${totalBytes / megabyte} MB`);
await using registry = await startBigRegistry({ layers, layerBytes: Math.floor(totalBytes / layers) });
await using engine = await startEngine();
const name = `${registry.host}/big/image:v1`;
let peakPss = 0;
const pssOf = (pid: number): number => {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
};
const sampling = setInterval(() => {
  peakPss = Math.max(peakPss, pssOf(engine.pid()));
  // A mistake of this script must not take the machine's memory.
  if (process.memoryUsage.rss() > 2000 * megabyte)
    throw new Error('the registry of this test takes too much memory');
}, 250);
const problems: string[] = [];
let kills = 0;
let killing: Promise<void> | undefined;
const share = (part: number): number => part * registry.sizeBytes;
for (const part of [0.15, 0.4, 0.7])
  registry.when(share(part), () => {
    tell(`cut the network at ${Math.round(part * 100)} %`);
    registry.cut();
    void sleep(1500).then(() => registry.mend());
  });
for (const part of [0.27, 0.55, 0.85])
  registry.when(share(part), () => {
    tell(`kill -9 of the engine at ${Math.round(part * 100)} %`);
    kills++;
    killing = engine.kill();
  });
const pull = async (): Promise<{ status: number; text: string }> => {
  const response = await fetch(`http://localhost/images/create?fromImage=${encodeURIComponent(name)}`, {
    method: 'POST',
    unix: engine.socket,
    signal: AbortSignal.timeout(30 * 60_000),
  });
  // Progress is long; only its end matters.
  let text = '';
  for await (const chunk of response.body ?? []) text = (text + Buffer.from(chunk).toString()).slice(-2000);
  return { status: response.status, text };
};
const begun = performance.now();
let attempts = 0;
for (;;) {
  attempts++;
  const answer = await pull().catch((error: unknown) => ({ status: 0, text: String(error) }));
  if (answer.status === 200 && !answer.text.includes('"error"')) break;
  if (killing === undefined || attempts > 10) {
    problems.push(`the pull failed: ${answer.text.slice(-500)}`);
    break;
  }
  await killing;
  killing = undefined;
  await engine.start();
}
const seconds = (performance.now() - begun) / 1000;
clearInterval(sampling);
const found = await engine.api('GET', `/images/${encodeURIComponent(name)}/json`);
if (found.status !== 200) problems.push(`the image is not there: ${found.text}`);
const { Findings } = JSON.parse((await engine.api('POST', '/silo/fsck')).text) as {
  Findings: { Message: string }[];
};
problems.push(...Findings.map(({ Message }) => `fsck: ${Message}`));
const report = {
  'image, MB': Math.round(registry.sizeBytes / megabyte),
  'seconds, all interruptions included': Math.round(seconds),
  'requests to pull': attempts,
  'kills of the engine': kills,
  'sent, MB': Math.round(registry.sentBytes() / megabyte),
  'asked for again, MB': Math.round((registry.repeatedBytes() / megabyte) * 10) / 10,
  'peak PSS of the engine, MB': Math.round(peakPss / megabyte),
};
for (const [what, value] of Object.entries(report)) tell(`${what}: ${value}`);
if (registry.repeatedBytes() > 6 * lostPerBreak) problems.push('too many bytes were sent twice');
if (peakPss > memoryLimit) problems.push('the engine took too much memory');
if (kills !== 3) problems.push(`the engine was killed ${kills} times, not 3`);
for (const problem of problems) console.error(problem);
await engine[Symbol.asyncDispose]();
await registry[Symbol.asyncDispose]();
process.exitCode = problems.length > 0 ? 1 : 0;
