import type { MakeOptions } from './rootfs.ts';

type Step = 'download' | 'unpack' | 'configure';

const beginnings: readonly [RegExp, Step, string][] = [
  // Address, suite, architecture of the list; then the package, often with its architecture, and its version.
  [
    /^Get:\d+ .* (?!(?:all|amd64|arm64) )(\S+)(?: (?:all|amd64|arm64))? \S+ \[[^\]]+\]$/,
    'download',
    'Downloading',
  ],
  [/^Unpacking (\S+)/, 'unpack', 'Unpacking'],
  [/^Setting up (\S+)/, 'configure', 'Setting up'],
];

/** Reads what apt and dpkg print for people, and tells how far they are. Lines that matter go through; all of them when asked. */
export function lineProgress({ onLine, onProgress, verbose }: MakeOptions): (line: string) => void {
  const done: Record<Step, number> = { download: 0, unpack: 0, configure: 0 };
  let total = 0;
  return (line) => {
    if (verbose === true || /^[IWE]: /.test(line)) onLine?.(line);
    const installed = /^\d+ upgraded, (\d+) newly installed/.exec(line)?.[1];
    // mmdebstrap runs apt several times.
    if (installed !== undefined) total += Number(installed);
    for (const [pattern, step, verb] of beginnings) {
      const name = pattern.exec(line)?.[1];
      // The lists of packages come before it is known how many packages there are.
      if (name === undefined || total === 0) continue;
      done[step] += 1;
      onProgress?.({ step, status: `${verb} ${name}`, done: Math.min(done[step], total), total });
    }
  };
}
