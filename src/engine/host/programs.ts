import { corrupt, unavailable } from '../../foundation/base/errors.ts';
import { findProgram } from './host-facts.ts';
import type { EngineSettings } from './settings.ts';

/** Absolute paths. */
export interface Programs {
  conmon: string;
  runtimes: Record<string, string>;
}

/**
 * Finds the programs that run containers; kind `unavailable`, naming the package, when one is missing. A pinned runtime wins over the machine's, and one that is no
 * longer what was installed is not replaced by it unasked.
 */
export function findPrograms(
  settings: EngineSettings,
  pinned: { paths: Record<string, string>; broken: readonly string[] },
): Programs {
  const conmon = findProgram('conmon');
  const known = Object.fromEntries(
    ['crun', 'runc'].flatMap((name) => {
      const path = findProgram(name);
      return path === undefined || pinned.broken.includes(name) ? [] : [[name, path]];
    }),
  ) as Record<string, string>;
  const runtimes = { ...known, ...pinned.paths, ...settings.runtimes };
  if (conmon === undefined) throw missing('conmon', 'which watches each container');
  if (runtimes[settings.defaultRuntime] === undefined && pinned.broken.includes(settings.defaultRuntime))
    throw corrupt(
      `the pinned runtime ${settings.defaultRuntime}, the default one, is not what was installed`,
      {
        code: 'pinned-runtime-changed',
        hint: `remove ${settings.dataRoot}/runtimes/${settings.defaultRuntime}.json to go without it, then install it again`,
      },
    );
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
