import { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import type { CliInput } from '../frontends/cli/io.ts';

/**
 * What is no terminal is read when it is asked for: Bun's own `process.stdin` never reports the end of a pipe when that comes while reading goes on
 * again after a pause.
 */
export function openStandardInput(): CliInput {
  if (isatty(0)) return process.stdin;
  const reader = Bun.stdin.stream().getReader();
  return new Readable({
    read() {
      reader.read().then(
        ({ done, value }) => this.push(done ? null : value),
        (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
}
