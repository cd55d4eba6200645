import { expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Reads as a session does whose connection is slow: a pause after each piece, until the other side has taken it. */
const program = `
const { openStandardInput } = await import(process.argv[1]);
const input = openStandardInput();
let bytes = 0;
input.on('data', (chunk) => {
  bytes += chunk.length;
  input.pause();
  setTimeout(() => input.resume(), bytes % 3);
});
input.on('end', () => {
  process.stdout.write(String(bytes));
  process.exit(0);
});
`;

test('input that is paused again and again arrives whole, and its end too', async () => {
  const length = 3_000_001;
  const read = async (): Promise<string> => {
    const child = spawn(process.execPath, ['-e', program, join(import.meta.dir, 'standard-input.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let told = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
    child.stdin.end(Buffer.alloc(length, 'x'));
    const limit = setTimeout(() => child.kill('SIGKILL'), 30_000);
    await once(child, 'close');
    clearTimeout(limit);
    return told;
  };
  for (let round = 0; round < 3; round++) expect(await read()).toBe(String(length));
}, 100_000);
