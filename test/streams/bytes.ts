import { spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';

const patternBytes = (1 << 20) - 3;

/** All values of a byte, in an order that no length of a packet divides. */
const pattern = Buffer.from(
  Uint8Array.from({ length: patternBytes }, (_, at) => (Math.imul(at, 2_654_435_761) >>> 13) & 0xff),
);

/** So many bytes, always the same, NULs among them and no newline at the end. */
export function* bytesOf(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= patternBytes)
    yield pattern.subarray(0, Math.min(left, patternBytes));
}

export interface Digest {
  bytes: number;
  sha256: string;
}

export function digestOf(chunks: Iterable<Uint8Array>): Digest {
  const digest = createDigest();
  for (const chunk of chunks) digest.add(chunk);
  return digest.result();
}

export function createDigest(): { add(chunk: Uint8Array): void; result(): Digest } {
  const hash: Hash = createHash('sha256');
  let bytes = 0;
  return {
    add(chunk) {
      bytes += chunk.length;
      hash.update(chunk);
    },
    result: () => ({ bytes, sha256: hash.digest('hex') }),
  };
}

/** Runs a client with `input`, and gives what came out as a digest. */
export async function pipeThrough(
  { command, env }: { command: string[]; env: Record<string, string> },
  input: Iterable<Uint8Array>,
): Promise<{ code: number; stdout: Digest; stderr: string }> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), 100_000);
  const digest = createDigest();
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => digest.add(chunk));
  child.stderr.on('data', (chunk: Buffer) => void (stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  Readable.from(input, { objectMode: false }).pipe(child.stdin);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve(status ?? 137));
    });
    return { code, stdout: digest.result(), stderr };
  } finally {
    clearTimeout(timer);
  }
}
