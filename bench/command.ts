import { spawn } from 'node:child_process';

/** Runs a program to its end; throws with its words on standard error when it fails. Its output is dropped. */
export function command(words: string[]): Promise<void> {
  const [program = '', ...args] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (complaint += text));
    child.once('error', reject);
    // Not 'close': a container that stays in the background keeps the pipe.
    child.once('exit', (code) => {
      if (code === 0) resolve();
      setImmediate(() => {
        child.stderr.destroy();
        if (code !== 0) reject(new Error(`${words.join(' ')}: exit code ${code}: ${complaint.trim()}`));
      });
    });
  });
}

/** Runs a program to its end and resolves to its output. */
export function outputOf(words: string[]): Promise<string> {
  const [program = '', ...args] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (output += text));
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${words.join(' ')}: exit code ${code}`)),
    );
  });
}
