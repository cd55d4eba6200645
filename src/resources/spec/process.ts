import type { SpecProcess } from '../../foundation/oci/runtime-spec.ts';
import { resolveCapabilities } from './capabilities.ts';
import { toRlimits, type Ulimit } from './rlimits.ts';
import type { HostFacts, ProcessInput, ResolvedIdentity, SecurityInput, SpecInput } from './spec.ts';

export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The container's first process. */
export function toProcess(input: SpecInput): SpecProcess {
  const { process, security, resources, host } = input;
  return {
    ...commonProcess(process, security, host),
    env: toEnvironment(process, input.hostname),
    rlimits: toRlimits((resources.ulimits ?? []).map((limit) => grantable(limit, host.maximumOpenFiles))),
    ...(resources.oomScoreAdj === undefined || resources.oomScoreAdj === 0
      ? {}
      : { oomScoreAdj: resources.oomScoreAdj }),
  };
}

export interface ExecInput {
  process: ProcessInput;
  /** Of the container, or with `privileged` for `exec --privileged`. */
  security: SecurityInput;
  /** The first process' environment; `process.env` comes over it. */
  containerEnv: readonly string[];
  host: HostFacts;
}

/** A further process in a running container; it inherits the environment of the first. */
export function toExecProcess(input: ExecInput): SpecProcess {
  const { process } = input;
  const inherited = process.terminal
    ? mergeEnvironment(['TERM=xterm'], input.containerEnv)
    : [...input.containerEnv];
  const withoutHome = inherited.filter((entry) => !entry.startsWith('HOME='));
  return {
    ...commonProcess(process, input.security, input.host),
    env: withHome(mergeEnvironment(withoutHome, process.env), process.user),
  };
}

function commonProcess(
  process: ProcessInput,
  security: SecurityInput,
  host: HostFacts,
): Omit<SpecProcess, 'env'> {
  const capabilities = resolveCapabilities({
    add: security.capabilitiesAdd,
    drop: security.capabilitiesDrop,
    privileged: security.privileged,
    ...(host.capabilities ? { available: host.capabilities } : {}),
  });
  const { user, terminalSize } = process;
  return {
    terminal: process.terminal,
    ...(process.terminal && terminalSize
      ? { consoleSize: { height: terminalSize.rows, width: terminalSize.columns } }
      : {}),
    user: {
      uid: user.uid,
      gid: user.gid,
      ...(user.additionalGids.length > 0 ? { additionalGids: [...user.additionalGids] } : {}),
    },
    args: [...process.args],
    cwd: process.cwd || '/',
    capabilities: capabilitySets(capabilities, user.uid),
    noNewPrivileges: security.noNewPrivileges,
    ...(security.apparmorProfile ? { apparmorProfile: security.apparmorProfile } : {}),
    ...(security.selinuxLabel ? { selinuxLabel: security.selinuxLabel } : {}),
  };
}

/** As execve(2) would leave them: only root starts with effective ones. Inheritable stays empty (CVE-2022-24769). */
function capabilitySets(capabilities: string[], uid: number): NonNullable<SpecProcess['capabilities']> {
  const held = uid === 0 ? capabilities : [];
  return { bounding: capabilities, effective: held, permitted: held, inheritable: [], ambient: [] };
}

/** Lowers what the engine could not grant: a runtime would fail with EPERM. */
function grantable(limit: Ulimit, maximum: number | undefined): Ulimit {
  if (limit.name !== 'nofile' || maximum === undefined) return limit;
  const lower = (value: number): number => (value === -1 ? maximum : Math.min(value, maximum));
  return { name: limit.name, soft: lower(limit.soft), hard: lower(limit.hard) };
}

/** PATH, HOSTNAME and with a terminal TERM, then the image's and the user's. */
function toEnvironment(process: ProcessInput, hostname: string): string[] {
  const defaults = [
    `PATH=${defaultPath}`,
    `HOSTNAME=${hostname}`,
    ...(process.terminal ? ['TERM=xterm'] : []),
  ];
  return withHome(mergeEnvironment(defaults, process.env), process.user);
}

function withHome(env: string[], user: ResolvedIdentity): string[] {
  return env.some((entry) => entry.startsWith('HOME=')) ? env : [...env, `HOME=${user.home || '/'}`];
}

/** Later entries replace earlier ones of the same name in place; an entry without `=` removes the name. */
export function mergeEnvironment(base: readonly string[], over: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const entry of [...base, ...over]) {
    const separator = entry.indexOf('=');
    if (separator === -1) byName.delete(entry);
    else byName.set(entry.slice(0, separator), entry);
  }
  return [...byName.values()];
}
