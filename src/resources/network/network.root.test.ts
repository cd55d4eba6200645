import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/*
 * The host's firewall and interfaces are not touched: each suite runs in a network namespace made here, with its own nftables, sysctls and
 * bridges.
 */
const suites = ['connectivity', 'ports', 'survival'];

for (const suite of suites) {
  const run = process.getuid?.() === 0 ? test : test.skip;
  if (process.getuid?.() !== 0) console.warn(`skipped ${suite}: network namespaces need root`);
  run(
    `${suite}, in a network namespace of its own`,
    () => {
      const script = `ip link set lo up && exec "$0" test "$1"`;
      const file = join(import.meta.dir, 'netns', `${suite}.ts`);
      const result = spawnSync(
        'unshare',
        ['--net', 'sh', '-c', script, process.execPath, `./${file.slice(process.cwd().length + 1)}`],
        {
          encoding: 'utf8',
        },
      );
      if (result.status !== 0) console.error(result.stdout + result.stderr);
      else
        console.log(
          result.stderr
            .split('\n')
            .filter((line) => line.startsWith('(pass)') || line.startsWith('measured'))
            .join('\n'),
        );
      expect(result.status).toBe(0);
    },
    60_000,
  );
}
