import manifest from '../../package.json' with { type: 'json' };
import type { CliVersion } from '../frontends/cli/deps.ts';

/** Of this build; the commit and time are set by `make build`. */
export const version: CliVersion = {
  version: manifest.version,
  gitCommit: process.env['SILO_BUILD_COMMIT'] ?? 'source',
  buildTime: process.env['SILO_BUILD_TIME'] ?? '',
};
