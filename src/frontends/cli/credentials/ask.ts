import { canceled, invalid } from '../../../foundation/base/errors.ts';
import type { CliInput, CliIo } from '../io.ts';

const limit = 64 * 1024;

/** Everything of stdin, without the line break at its end. */
export async function readSecret(stdin: CliInput): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > limit) throw invalid('the password is too long');
  }
  return text.replace(/\r?\n$/, '');
}

/** A line from the terminal; what is `hidden` is not echoed. */
export async function ask(
  { stdin, stdout }: Pick<CliIo, 'stdin' | 'stdout'>,
  question: string,
  { hidden }: { hidden: boolean },
): Promise<string> {
  stdout.write(question);
  if (hidden) stdin.setRawMode?.(true);
  try {
    return await readLine(stdin);
  } finally {
    if (hidden) {
      stdin.setRawMode?.(false);
      stdout.write('\n');
    }
    stdin.pause();
  }
}

function readLine(stdin: CliInput): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let line = '';
  const onData = (chunk: Buffer | string): void => {
    for (const letter of String(chunk)) {
      if (letter === '\r' || letter === '\n') return resolve(line);
      if (letter === '\u0003' || letter === '\u0004') return reject(canceled('canceled'));
      line = letter === '\u007f' || letter === '\b' ? line.slice(0, -1) : line + letter;
      if (line.length > limit) return reject(invalid('the line is too long'));
    }
  };
  const onEnd = (): void => resolve(line);
  stdin.on('data', onData).on('end', onEnd).resume();
  return promise.finally(() => stdin.off('data', onData).off('end', onEnd));
}
