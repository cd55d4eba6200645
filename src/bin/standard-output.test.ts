import { expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Writes as a log is written: lines one by one, a wait for the reader now and then, and the end of the process at once. */
const program = `
const { finishOutput } = await import(process.argv[1]);
const output = process.stdout;
for (let line = 0; line < 40_000;) {
  let room = true;
  for (const end = line + 8_000; line < end; line++) room = output.write(line + '\\n') && room;
  if (!room) await new Promise((resolve) => output.once('drain', resolve));
}
await finishOutput(output);
process.exit(0);
`;

test('what a slow reader has not taken when the program ends is not lost', async () => {
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, ['-e', program, join(import.meta.dir, 'standard-output.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let lines = 0;
    child.stdout.on('data', (piece: Buffer) => {
      for (const byte of piece) if (byte === 0x0a) lines++;
      child.stdout.pause();
      setTimeout(() => child.stdout.resume(), 5);
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), 30_000);
    await once(child, 'close');
    clearTimeout(limit);
    expect(lines).toBe(40_000);
  }
}, 100_000);
