import { spawn } from 'node:child_process';
import { internal, timedOut, unavailable } from '../../foundation/base/errors.ts';

/** A transaction takes milliseconds; a process that hangs must not hold all later changes for good. */
const deadlineMs = 60_000;
/** Administrators' paths are not always in a service's PATH. */
const searchPath = [process.env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(':');

/** Runs one transaction: all of the script takes effect, or nothing. `onStart` gets the process that writes it before it does. */
export async function runNft(script: string, onStart?: (pid: number) => void): Promise<void> {
  await nft(['-f', '-'], script, onStart);
}

/** The whole rule set of this network namespace, as libnftables-json(5). Other programs' tables included; for diagnosis only. */
export async function listRuleset(): Promise<unknown[]> {
  const parsed = JSON.parse(await nft(['-j', 'list', 'ruleset'], '')) as { nftables?: unknown[] };
  return parsed.nftables ?? [];
}

/** The same as nft(8) writes it for people: extensions of iptables appear as the matches that they are, where nft knows them. */
export function printRuleset(): Promise<string> {
  return nft(['list', 'ruleset'], '');
}

function nft(args: string[], input: string, onStart?: (pid: number) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('nft', args, {
      env: { PATH: searchPath, LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    });
    if (child.pid !== undefined) onStart?.(child.pid);
    const output: string[] = [];
    const errors: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
    child.stdin.on('error', () => undefined);
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? unavailable('nft was not found: the firewall rules cannot be written', {
              code: 'nft-missing',
              hint: 'install it: apt-get install nftables',
              cause: error,
            })
          : internal(`nft could not be started: ${error.message}`, { cause: error }),
      ),
    );
    child.on('close', (status, signal) => {
      if (status === 0) resolve(output.join(''));
      else if (signal)
        reject(
          timedOut(`nft ended by ${signal}, at the latest after ${deadlineMs / 1000} seconds`, {
            code: 'nft-failed',
          }),
        );
      else
        reject(
          internal(`nft failed: ${errors.join('').trim().split('\n').slice(0, 3).join(' ')}`, {
            code: 'nft-failed',
          }),
        );
    });
    child.stdin.end(input);
  });
}
