import { readFileSync, writeSync } from 'node:fs';
import { canceled, internal, toSiloError } from '../../foundation/base/errors.ts';
import { dieWithParent } from '../../foundation/kernel/confine.ts';
import { mountVolume } from './mount-volume.ts';
import type { VolumeFailure, VolumeJob } from './volume-process.ts';

/*
 * The helper for volumes: one job, then it ends. The job comes on descriptor 3; `volume-process.ts` starts it.
 */

const jobFd = 3;

/** Main function of the helper: `argv` is the parent's process id. Resolves with the exit code. */
export async function runVolumeHelper(argv: readonly string[]): Promise<number> {
  try {
    dieWithParent();
    if (process.ppid !== Number(argv[0])) throw canceled('the engine that started the helper is gone');
    await serve(JSON.parse(readFileSync(jobFd, 'utf8')) as VolumeJob);
    return 0;
  } catch (thrown) {
    const { kind, code, message, hint } = toSiloError(thrown);
    const failure: VolumeFailure = { kind, code, message, ...(hint === undefined ? {} : { hint }) };
    writeSync(2, JSON.stringify(failure));
    return 1;
  }
}

async function serve(job: VolumeJob): Promise<void> {
  if (job.op === 'mount') return mountVolume(job.call, job.target);
  await Promise.reject(internal(`unknown job ${job.op}`));
}
