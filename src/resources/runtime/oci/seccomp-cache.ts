import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { internal } from '../../../foundation/base/errors.ts';
import type { RuntimeSpec, SpecSeccomp } from '../../../foundation/oci/runtime-spec.ts';
import { runtimeState, type RuntimeProgram } from './runtime-program.ts';

/**
 * Compiling the default filter costs crun 1.8 about 10 ms a container, half of all it does. crun leaves what it compiled as `seccomp.bpf` in its
 * state folder and takes such a program back through the annotation `run.oci.seccomp_bpf_data` (crun.1), so each profile is compiled once.
 */
export interface SeccompCache {
  /** The spec to give to the runtime: with the compiled filter when there is one, and then a profile in name only. */
  prepare(program: RuntimeProgram, spec: RuntimeSpec): PreparedSpec;
}

export interface PreparedSpec {
  spec: RuntimeSpec;
  /** After create: learns the filter, or makes sure that the parked process will get exactly the one that was given. */
  verify(id: string): void;
}

const annotation = 'run.oci.seccomp_bpf_data';
const mostProfiles = 32;
/**
 * Stands where the profile was compiled before: `exec` looks for one, and takes what is compiled. By itself it would allow nothing. crun has 6 KB less to
 * read, which is half a millisecond.
 */
const placeholder: SpecSeccomp = { defaultAction: 'SCMP_ACT_ERRNO', architectures: [], syscalls: [] };

export function createSeccompCache(): SeccompCache {
  const compiled = new Map<string, { program: Buffer; text: string }>();
  const keys = new WeakMap<SpecSeccomp, string>();
  return {
    prepare(program, spec) {
      const key = cacheKey(program, spec, keys);
      if (key === undefined) return { spec, verify: () => undefined };
      const known = compiled.get(key);
      const outputOf = (id: string): Buffer => readOutput(join(runtimeState(program, id), 'seccomp.bpf'));
      if (!known)
        return {
          spec,
          verify(id) {
            if (compiled.size >= mostProfiles) compiled.clear();
            const output = outputOf(id);
            compiled.set(key, { program: output, text: output.toString('base64') });
          },
        };
      return {
        spec: {
          ...spec,
          annotations: { ...spec.annotations, [annotation]: known.text },
          linux: { ...spec.linux, seccomp: placeholder },
        },
        verify(id) {
          if (!outputOf(id).equals(known.program))
            throw internal(`${program.name} did not take over the compiled seccomp filter`);
        },
      };
    },
  };
}

/** undefined where compiling is left to the runtime: others than crun, and profiles with flags or listeners. */
function cacheKey(
  program: RuntimeProgram,
  spec: RuntimeSpec,
  keys: WeakMap<SpecSeccomp, string>,
): string | undefined {
  const seccomp = spec.linux.seccomp;
  const own = spec.annotations?.[annotation] !== undefined;
  if (!program.isCrun || !seccomp || seccomp.flags?.length || own) return undefined;
  const remembered = keys.get(seccomp);
  if (remembered !== undefined) return remembered;
  const text = JSON.stringify(seccomp);
  if (text.includes('SCMP_ACT_NOTIFY')) return undefined;
  const key = createHash('sha256').update(text).digest('base64');
  keys.set(seccomp, key);
  return key;
}

function readOutput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw internal('the runtime left no seccomp filter', { cause });
  }
}
