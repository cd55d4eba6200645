import { type Case, nothing, timed } from '../case.ts';
import { command } from '../command.ts';

/** Each engine's own client against its own engine; the process's start is part of it. */
export const cliVersion: Case = {
  name: 'cli-version',
  title: 'CLI `version` round trip',
  unit: 'ms',
  target: 25,
  runs: 20,
  prepare({ versionCommand }) {
    if (versionCommand === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ once: () => timed(() => command(versionCommand)), cleanup: nothing });
  },
};
