import { writeFileSync } from 'node:fs';
import { check, declare, stableBytes } from './libc.ts';

const c = {
  prlimit: declare<[number, number, Uint8Array | null, Uint8Array | null]>('prlimit', 'int', [
    'int',
    'int',
    'void*',
    'void*',
  ]),
};

/** <asm-generic/resource.h>, the same on the architectures that we support. */
const numbers: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};
const infinity = 0xffff_ffff_ffff_ffffn;

/** By the name of the resource, `RLIMIT_…`; what JSON cannot hold exactly stands for "no limit". */
export interface HardLimit {
  type: string;
  hard: number;
}

/**
 * Runs `work` while this process's hard limits are at least these (getrlimit(2)): a process that `work` starts inherits them, and may then lower its own, also inside of a
 * user namespace, where nobody may raise them. `work` is synchronous, so that nothing else is started meanwhile. Limits that may not be raised stay.
 */
export function withHardLimits<T>(
  limits: readonly HardLimit[],
  work: () => T extends PromiseLike<unknown> ? never : T,
): T {
  const before = limits.flatMap(({ type, hard }) => {
    const resource = numbers[type];
    if (resource === undefined) return [];
    const own = stableBytes(16);
    check(c.prlimit(0, resource, null, own), 'prlimit');
    const wanted = hard < 0 || hard > Number.MAX_SAFE_INTEGER ? infinity : BigInt(hard);
    if (wanted <= own.readBigUInt64LE(8)) return [];
    const raised = stableBytes(16);
    raised.writeBigUInt64LE(own.readBigUInt64LE(0), 0);
    raised.writeBigUInt64LE(wanted, 8);
    return c.prlimit(0, resource, raised, null) < 0 ? [] : [{ resource, own }];
  });
  try {
    return work();
  } finally {
    for (const { resource, own } of before.toReversed()) check(c.prlimit(0, resource, own, null), 'prlimit');
  }
}

/** `oom_score_adj` of another process (proc(5)); it is inherited by what that starts. A lower one than its own needs privileges on the host. */
export function setOomScore(pid: number, score: number): void {
  writeFileSync(`/proc/${pid}/oom_score_adj`, String(score));
}
