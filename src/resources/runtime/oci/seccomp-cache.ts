import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { internal } from '../../../foundation/base/errors.ts';
import type { RuntimeSpec } from '../../../foundation/oci/runtime-spec.ts';
import { runtimeState, type RuntimeProgram } from './runtime-program.ts';

/**
 * Compiling the default filter costs crun 1.8 about 10 ms a container, half of all it does. crun leaves what it compiled as `seccomp.bpf` in its
 * state folder and takes such a program back through the annotation `run.oci.seccomp_bpf_data` (crun.1), so each profile is compiled once.
 */
export interface SeccompCache {
  /** The spec to give to the runtime: with the compiled filter when there is one. The profile stays in it, `exec` looks for it. */
  prepare(program: RuntimeProgram, spec: RuntimeSpec): PreparedSpec;
}

export interface PreparedSpec {
  spec: RuntimeSpec;
  /** After create: learns the filter, or makes sure that the parked process will get exactly the one that was given. */
  verify(id: string): void;
}

const annotation = 'run.oci.seccomp_bpf_data';
const mostProfiles = 32;

export function createSeccompCache(): SeccompCache {
  const compiled = new Map<string, Buffer>();
  return {
    prepare(program, spec) {
      const key = cacheKey(program, spec);
      if (key === undefined) return { spec, verify: () => undefined };
      const known = compiled.get(key);
      const outputOf = (id: string): Buffer => readOutput(join(runtimeState(program, id), 'seccomp.bpf'));
      if (!known)
        return {
          spec,
          verify(id) {
            if (compiled.size >= mostProfiles) compiled.clear();
            compiled.set(key, outputOf(id));
          },
        };
      return {
        spec: { ...spec, annotations: { ...spec.annotations, [annotation]: known.toString('base64') } },
        verify(id) {
          if (!outputOf(id).equals(known))
            throw internal(`${program.name} did not take over the compiled seccomp filter`);
        },
      };
    },
  };
}

/** undefined where compiling is left to the runtime: others than crun, and profiles with flags or listeners. */
function cacheKey(program: RuntimeProgram, spec: RuntimeSpec): string | undefined {
  const seccomp = spec.linux.seccomp;
  const own = spec.annotations?.[annotation] !== undefined;
  if (!program.isCrun || !seccomp || seccomp.flags?.length || own) return undefined;
  const text = JSON.stringify(seccomp);
  if (text.includes('SCMP_ACT_NOTIFY')) return undefined;
  return createHash('sha256').update(text).digest('base64');
}

function readOutput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw internal('the runtime left no seccomp filter', { cause });
  }
}
