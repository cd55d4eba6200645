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
  /** Whether the first answer of a web server may send Git elsewhere; never with credentials, which would go along. */
  mayRedirect: boolean;
  /** Without it nothing is fetched over SSH. */
  ssh?: SshAccess | undefined;
  signal: AbortSignal | undefined;
}

/** An agent that signs, and the keys of servers that are believed; no key is ever here. */
export interface SshAccess {
  /** Of a socket. */
  agent: string;
  /** Of a file as ssh(1) keeps one. */
  knownHosts: string;
}

const deadlineMs = 15 * 60_000;
const mostText = 16 << 20;
/** Of one file that it writes, in blocks of 512 bytes: 16 GiB. */
const mostBlocks = 32 << 20;

/**
 * Git as a program that reads what strangers wrote: neither the configuration of the machine, of a user nor of a repository counts, no hook, filter, credential
 * helper or editor is run, nothing is asked at a terminal, and only web addresses, `git://` and with leave SSH are followed, wherever they come from
 * (git-config(1), `protocol.allow`; git(1), environment variables).
 */
export function createGit({ directory, credentials, mayRedirect, ssh, signal }: GitOptions): Git {
  const config: [string, string][] = [
    ['protocol.allow', 'never'],
    ['protocol.http.allow', 'always'],
    ['protocol.https.allow', 'always'],
    ['protocol.git.allow', 'always'],
    ['protocol.ssh.allow', ssh ? 'always' : 'never'],
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
    ['http.followRedirects', mayRedirect && !credentials ? 'initial' : 'false'],
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
    ...(ssh
      ? { GIT_SSH_COMMAND: sshCommand, SSH_AUTH_SOCK: ssh.agent, SILO_KNOWN_HOSTS: ssh.knownHosts }
      : { GIT_SSH_COMMAND: '/bin/false' }),
    GIT_SSH_VARIANT: 'ssh',
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

/**
 * ssh(1) without anybody's configuration: the agent's keys alone, and servers only whose keys are known. The file's name comes from the environment, so that
 * no shell and no list of names splits it (ssh_config(5), `UserKnownHostsFile`).
 */
const sshCommand = [
  'ssh -F none',
  ...Object.entries({
    UserKnownHostsFile: '${SILO_KNOWN_HOSTS}',
    GlobalKnownHostsFile: '/etc/ssh/ssh_known_hosts',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
    BatchMode: 'yes',
    PreferredAuthentications: 'publickey',
    IdentityFile: 'none',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    PermitLocalCommand: 'no',
    ControlMaster: 'no',
    ControlPath: 'none',
    ConnectTimeout: '30',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '4',
  }).map(([name, value]) => `-o '${name}=${value}'`),
].join(' ');

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
  const hint = hints.find(([words]) => words.test(complaint))?.[1];
  return unavailable(`git ${args[0] ?? ''} failed (${outcome}): ${said || 'no message'}`, {
    code: 'git-failed',
    ...(hint === undefined ? {} : { hint }),
  });
}

const hints: readonly (readonly [words: RegExp, hint: string])[] = [
  [
    /Host key verification failed|host key is known for/i,
    "the server's key is not known: silo build --ssh default takes ~/.ssh/known_hosts along; or put it into /etc/ssh/ssh_known_hosts of the engine's machine",
  ],
  [/Permission denied \(publickey/, 'no key of the agent is known to the server: ssh-add -l lists them'],
  [
    /requested URL returned error: 30\d|unable to update url base from redirection/,
    'a redirect is not followed for submodules, nor with a password or token: write the address that it leads to',
  ],
  [/ssh: (command )?not found|cannot run ssh/, 'install ssh on the machine of the engine (openssh-client)'],
];
