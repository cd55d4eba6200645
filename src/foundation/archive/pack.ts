import { writeSync } from 'node:fs';
import { errorToJson } from '../base/error-json.ts';
import { canceled } from '../base/errors.ts';
import { dieWithParent, forbidNewPrivileges } from '../kernel/confine.ts';
import type { IdMappings } from '../kernel/id-mapping.ts';
import { setNonBlocking } from '../kernel/io.ts';
import { diffLayer } from './diff.ts';
import { listChanges } from './list-changes.ts';

/*
 * The packer process: it walks a tree, which may be large, changing and hostile, and writes what it finds to standard output. Each step of a
 * walk opens one component below a descriptor and follows no link.
 */

export type PackJob =
  /** An overlay upper folder as a layer archive. */
  | { kind: 'layer'; upper: string; omit?: readonly string[] }
  /** The directory on standard input as an archive of a whole file system. */
  | { kind: 'tree'; ids?: IdMappings }
  /** What the upper folder changes: records of kind, path and a zero byte. */
  | { kind: 'changes'; upper: string; lowers: readonly string[] };

/** Main function of the packer: `argv` is the job and the parent's process id. Resolves with the exit code; a failure goes to standard error as JSON. */
export async function runPack(argv: readonly string[]): Promise<number> {
  try {
    const [job = '', parent = ''] = argv;
    dieWithParent();
    if (process.ppid !== Number(parent)) throw canceled('the engine that started the packer is gone');
    forbidNewPrivileges();
    setNonBlocking(1, 'blocking');
    await write(JSON.parse(job) as PackJob);
    return 0;
  } catch (thrown) {
    writeSync(2, JSON.stringify(errorToJson(thrown)));
    return 1;
  }
}

async function write(job: PackJob): Promise<void> {
  const output = createOutput();
  if (job.kind === 'changes')
    for (const { kind, path } of listChanges(job.upper, job.lowers))
      output.write(Buffer.from(`${kind}${path}\0`, 'latin1'));
  else {
    const pieces =
      job.kind === 'layer'
        ? diffLayer(job.upper, { omit: new Set(job.omit) })
        : diffLayer('/proc/self/fd/0', { withoutRoot: true, ids: job.ids });
    for await (const piece of pieces) output.write(piece);
  }
  output.flush();
}

const gatheredBytes = 1 << 18;

/** Small pieces go out together; a write waits until the reader takes it. */
function createOutput(): { write(piece: Buffer): void; flush(): void } {
  const buffer = Buffer.allocUnsafeSlow(gatheredBytes);
  let length = 0;
  const flush = (): void => {
    writeAll(buffer.subarray(0, length));
    length = 0;
  };
  return {
    write(piece) {
      const isBig = piece.length > buffer.length / 2;
      // What was given before goes before.
      if (isBig || length + piece.length > buffer.length) flush();
      if (isBig) writeAll(piece);
      else length += piece.copy(buffer, length);
    },
    flush,
  };
}

function writeAll(bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}
