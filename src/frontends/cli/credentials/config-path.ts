import { join } from 'node:path';

/** `--config` is `DOCKER_CONFIG` here (`run-cli.ts`). */
export function configPath(env: Readonly<Record<string, string | undefined>>): string {
  return join(env['DOCKER_CONFIG'] || join(env['HOME'] || '/root', '.docker'), 'config.json');
}
