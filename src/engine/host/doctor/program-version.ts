import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ProgramDescription {
  /** All of `--version`; empty when the program cannot be asked. */
  output: string;
  version: Version | undefined;
}

/** Numbers of a release; a release candidate carries its number and comes before the release. */
export interface Version {
  numbers: [number, number, number];
  candidate?: number;
}

/** Asks `PROGRAM --version`. */
export async function describeProgram(path: string): Promise<ProgramDescription> {
  const answer = await run(path, ['--version'], { timeout: 5000 }).catch(() => ({ stdout: '' }));
  return { output: answer.stdout, version: parseVersion(answer.stdout.split('\n', 1)[0] ?? '') };
}

/** The first version in the text: `crun version 1.8.1`, `runc version 1.2.0-rc.3`, `nftables v1.0.6 (…)`. */
export function parseVersion(text: string): Version | undefined {
  const found = /(\d+)\.(\d+)(?:\.(\d+))?(?:[-~]rc\.?(\d+))?/.exec(text);
  if (!found) return undefined;
  const [, major, minor, patch = '0', candidate] = found;
  return {
    numbers: [Number(major), Number(minor), Number(patch)],
    ...(candidate === undefined ? {} : { candidate: Number(candidate) }),
  };
}

/** Below zero when `a` is older. */
export function compareVersions(a: Version, b: Version): number {
  for (const index of [0, 1, 2] as const) {
    const difference = a.numbers[index] - b.numbers[index];
    if (difference !== 0) return difference;
  }
  return (a.candidate ?? Infinity) === (b.candidate ?? Infinity)
    ? 0
    : (a.candidate ?? Infinity) - (b.candidate ?? Infinity);
}

export function formatVersion({ numbers, candidate }: Version): string {
  return numbers.join('.') + (candidate === undefined ? '' : `-rc.${candidate}`);
}
