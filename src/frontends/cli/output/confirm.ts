import type { CliIo } from '../io.ts';

/** Asks on the terminal; anything but `y` and the end of input mean no. */
export async function confirm(io: CliIo, question: string): Promise<boolean> {
  io.stdout.write(`${question} [y/N] `);
  let answer = '';
  for await (const chunk of io.stdin) {
    answer += String(chunk);
    if (answer.includes('\n')) break;
  }
  return answer.split('\n', 1)[0]?.trim().toLowerCase() === 'y';
}
