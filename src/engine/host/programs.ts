import { unavailable } from '../../foundation/base/errors.ts';
import { findProgram } from './host-facts.ts';
import type { EngineSettings } from './settings.ts';

/** Absolute paths. */
export interface Programs {
  conmon: string;
  runtimes: Record<string, string>;
}

/** Finds the programs that run containers; kind `unavailable`, naming the package, when one is missing. */
export function findPrograms(settings: EngineSettings): Programs {
  const conmon = findProgram('conmon');
  const known = Object.fromEntries(
    ['crun', 'runc'].flatMap((name) => {
      const path = findProgram(name);
      return path === undefined ? [] : [[name, path]];
    }),
  ) as Record<string, string>;
  const runtimes = { ...known, ...settings.runtimes };
  if (conmon === undefined) throw missing('conmon', 'which watches each container');
  if (runtimes[settings.defaultRuntime] === undefined)
    throw missing(settings.defaultRuntime, 'the default OCI runtime');
  return { conmon, runtimes };
}

function missing(program: string, what: string): Error {
  return unavailable(`${program}, ${what}, is not installed`, {
    code: 'missing-program',
    hint: `install it: apt-get install --no-install-recommends ${program}`,
  });
}
