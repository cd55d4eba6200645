import { expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/*
 * The host's firewall and interfaces are not touched: each suite runs in a network namespace made here, with its own nftables, sysctls and
 * bridges.
 */
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('skipped: network namespaces need root');

async function runSuite(
  name: string,
  namespaces: readonly string[] = ['--net'],
): Promise<{ status: number | null; output: string }> {
  const command = 'ip link set lo up && exec "$0" test --timeout 30000 "$1"';
  const file = join(import.meta.dir, 'netns', `${name}.contract.ts`);
  const child = spawn('unshare', [...namespaces, 'sh', '-c', command, process.execPath, file], {
    stdio: 'pipe',
    // Each reactor occupies a thread of the pool; some tests have several engines in one process.
    env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output: output.join('') };
}

// Two after one another, beside the other two: they mostly wait, and share nothing.
const start = (
  name: string,
  after?: Promise<unknown>,
  namespaces?: readonly string[],
): Promise<{ status: number | null; output: string }> | undefined =>
  isRoot ? Promise.resolve(after).then(() => runSuite(name, namespaces)) : undefined;
const connectivity = start('connectivity');
const ports = start('ports');
const firewall = start('firewall', ports);
const inner = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
const suites = [
  { name: 'connectivity', result: connectivity },
  { name: 'ports', result: ports },
  { name: 'survival', result: start('survival', connectivity) },
  { name: 'firewall', result: firewall },
  // Where the kernel's numbers of processes are not ours.
  { name: 'firewall inside of a pid namespace', result: start('firewall', firewall, inner) },
];

for (const { name, result } of suites)
  test.skipIf(!isRoot)(
    `${name}, in a network namespace of its own`,
    async () => {
      const { status, output } = (await result) ?? expect.unreachable();
      const shown = /^\((pass|fail|skip)\)|^measured/;
      console.log(
        status === 0
          ? output
              .split('\n')
              .filter((line) => shown.test(line))
              .join('\n')
          : output,
      );
      expect(status).toBe(0);
    },
    180_000,
  );
