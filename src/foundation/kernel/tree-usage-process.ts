import { spawn } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { canceled, internal } from '../base/errors.ts';
import { dieWithParent } from './confine.ts';
import { setNonBlocking } from './io.ts';
import { type TreeDifference, treeDifference } from './tree-difference.ts';
import { type TreeUsage, treeUsage, type TreeUsageRequest } from './tree-usage.ts';

/** How long a walk may take before it is given up. */
const deadlineMs = 10 * 60_000;

interface WalkOptions {
  command: readonly string[];
  signal?: AbortSignal;
}

/** Measures in a process of its own: a large tree must not hold the event loop. The process is gone when the promise settles, and dies with this one. */
export async function measureTree(request: TreeUsageRequest, options: WalkOptions): Promise<TreeUsage> {
  return (await ask(request, options)) as TreeUsage;
}

/** Where two folders differ first; in that process too. */
export async function compareTrees(
  request: TreeComparison,
  options: WalkOptions,
): Promise<TreeDifference | undefined> {
  return ((await ask(request, options)) ?? undefined) as TreeDifference | undefined;
}

interface TreeComparison {
  compare: readonly [string, string];
}

async function ask(request: TreeUsageRequest | TreeComparison, options: WalkOptions): Promise<unknown> {
  const [program = '', ...args] = options.command;
  const { BUN_TMPDIR, TMPDIR } = process.env;
  const child = spawn(program, [...args, String(process.pid)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // All that it gets: a single executable loads its native module from there.
    env: { ...(BUN_TMPDIR ? { BUN_TMPDIR } : {}), ...(TMPDIR ? { TMPDIR } : {}) },
  });
  const stop = AbortSignal.any([
    AbortSignal.timeout(deadlineMs),
    ...(options.signal ? [options.signal] : []),
  ]);
  const kill = (): void => void child.kill('SIGKILL');
  stop.addEventListener('abort', kill);
  try {
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(request));
    const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    if (stop.aborted) throw canceled('measuring disk usage was canceled', { cause: stop.reason });
    if (code !== 0) throw internal(`cannot measure disk usage: ${errors.trim().slice(-400)}`);
    return JSON.parse(output) as unknown;
  } finally {
    stop.removeEventListener('abort', kill);
  }
}

/** Main function of that process. */
export function runMeasure(argv: readonly string[]): number {
  dieWithParent();
  // The parent may have died before.
  if (process.ppid !== Number(argv[0])) return 1;
  const request = JSON.parse(readFileSync(0, 'utf8')) as TreeUsageRequest | TreeComparison;
  const found = 'compare' in request ? (treeDifference(...request.compare) ?? null) : treeUsage(request);
  const answer = Buffer.from(JSON.stringify(found));
  setNonBlocking(1, 'blocking');
  for (let written = 0; written < answer.length;) written += writeSync(1, answer, written);
  return 0;
}
