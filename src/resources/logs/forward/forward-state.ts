import { readFileSync } from 'node:fs';
import { writeFileAtomic } from '../../../foundation/base/atomic-file.ts';
import type { LogPosition } from '../logs.ts';
import type { OpenLines } from './join-lines.ts';

/** What was sent: everything up to the position but the lines that are open there. */
export interface ForwardState {
  position?: LogPosition;
  open: OpenLines;
}

type KeptLine = { time: string; base64: string };
interface Kept extends LogPosition {
  stdout?: KeptLine | undefined;
  stderr?: KeptLine | undefined;
}

export async function keepState(path: string, position: LogPosition, open: OpenLines): Promise<void> {
  const keep = (line: OpenLines['stdout']): KeptLine | undefined =>
    line && { time: line.time, base64: Buffer.from(line.text).toString('base64') };
  const kept: Kept = { ...position, stdout: keep(open.stdout), stderr: keep(open.stderr) };
  await writeFileAtomic(path, JSON.stringify(kept));
}

/** From the beginning when there is none, or it cannot be read. */
export function readState(path: string): ForwardState {
  try {
    const { inode, firstTime, position, stdout, stderr } = JSON.parse(
      readFileSync(path, 'utf8'),
    ) as Partial<Kept>;
    if (typeof inode !== 'number' || typeof firstTime !== 'string' || typeof position !== 'number')
      return { open: {} };
    const line = ({ time, base64 }: KeptLine) => ({ time, text: Buffer.from(base64, 'base64') });
    return {
      position: { inode, firstTime, position },
      open: { ...(stdout ? { stdout: line(stdout) } : {}), ...(stderr ? { stderr: line(stderr) } : {}) },
    };
  } catch {
    return { open: {} };
  }
}
