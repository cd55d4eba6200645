import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { canceled, invalid, timedOut, unavailable, unsupported } from '../../../foundation/base/errors.ts';

export interface Git {
  /** What the command printed, whole. */
  text(args: readonly string[]): Promise<string>;
  /** What it prints, as it comes. Fails at the end when the command did. */
  stream(args: readonly string[]): AsyncGenerator<Buffer>;
}

export interface GitOptions {
  /** The folder in which it runs; what it needs of a home is there, and empty. */
  directory: string;
  /** `name:password` for the one server at `url`. */
  credentials?: { url: string; basic: string } | undefined;
  signal: AbortSignal | undefined;
}

const deadlineMs = 15 * 60_000;
const mostText = 16 << 20;
/** Of one file that it writes, in blocks of 512 bytes: 16 GiB. */
const mostBlocks = 32 << 20;

/**
 * Git as a program that reads what strangers wrote: neither the configuration of the machine, of a user nor of a repository counts, no hook, filter, credential
 * helper or editor is run, nothing is asked at a terminal, and only web addresses and `git://` are followed, wherever they come from (git-config(1),
 * `protocol.allow`; git(1), environment variables).
 */
export function createGit({ directory, credentials, signal }: GitOptions): Git {
  const config: [string, string][] = [
    ['protocol.allow', 'never'],
    ['protocol.http.allow', 'always'],
    ['protocol.https.allow', 'always'],
    ['protocol.git.allow', 'always'],
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.attributesFile', '/dev/null'],
    ['core.protectHFS', 'true'],
    ['core.protectNTFS', 'true'],
    ['transfer.fsckObjects', 'true'],
    ['transfer.bundleURI', 'false'],
    ['submodule.recurse', 'false'],
    ['fetch.recurseSubmodules', 'false'],
    ['credential.helper', ''],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['tar.umask', '0022'],
    ['http.lowSpeedLimit', '1000'],
    ['http.lowSpeedTime', '60'],
    ['init.defaultBranch', 'main'],
    ['safe.directory', '*'],
  ];
  if (credentials)
    config.push([
      `http.${new URL(credentials.url).origin}/.extraHeader`,
      `Authorization: Basic ${Buffer.from(credentials.basic).toString('base64')}`,
    ]);
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: directory,
    XDG_CONFIG_HOME: directory,
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    SSH_ASKPASS: '/bin/false',
    GIT_SSH_COMMAND: '/bin/false',
    GIT_EDITOR: '/bin/false',
    GIT_PAGER: 'cat',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
    ...proxies(),
  };

  async function* stream(args: readonly string[]): AsyncGenerator<Buffer> {
    if (signal?.aborted) throw canceled('git was canceled', { cause: signal.reason });
    // Its own group, so that the programs that speak to servers end with it.
    const script = `ulimit -f ${mostBlocks}; ulimit -c 0; exec git "$@"`;
    const child = spawn('/bin/sh', ['-c', script, 'git', '--no-pager', '--literal-pathspecs', ...args], {
      cwd: directory,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const end = (): void => {
      try {
        if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
          process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    };
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, deadlineMs);
    signal?.addEventListener('abort', end, { once: true });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-4000);
    });
    const closed = new Promise<number | string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, killedBy) => resolve(code ?? killedBy ?? 'an unknown end'));
    });
    try {
      for await (const piece of Readable.from(child.stdout)) yield piece as Buffer;
      const outcome = await closed;
      if (signal?.aborted) throw canceled('git was canceled', { cause: signal.reason });
      if (isLate)
        throw timedOut(`git did not end within ${deadlineMs / 60_000} minutes`, { code: 'git-timeout' });
      if (outcome !== 0) throw failure(args, outcome, complaint);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      end();
    }
  }

  return {
    stream,
    async text(args) {
      const pieces: Buffer[] = [];
      let length = 0;
      for await (const piece of stream(args)) {
        length += piece.length;
        if (length > mostText)
          throw invalid('a Git server says more than it should', { code: 'git-too-much' });
        pieces.push(piece);
      }
      return Buffer.concat(pieces).toString('utf8');
    },
  };
}

/** Those of the engine, by the names that curl knows. */
function proxies(): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name] ?? process.env[name.toUpperCase()];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function failure(args: readonly string[], outcome: number | string, complaint: string): Error {
  if (outcome === 127)
    return unsupported('git is not installed on the machine of the engine', {
      code: 'no-git',
      hint: 'install git there, or clone the repository and give its folder as the context',
    });
  const said = complaint
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-5)
    .join('; ')
    .replace(/\/\/[^/@\s]*@/g, '//');
  return unavailable(`git ${args[0] ?? ''} failed (${outcome}): ${said || 'no message'}`, {
    code: 'git-failed',
  });
}
