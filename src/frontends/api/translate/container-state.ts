import type { ContainerRecord } from '../../../engine/container/container.ts';
import type { HealthState } from '../../../engine/container/health/health.ts';
import type {
  ContainerStateJson,
  ContainerStatusWord,
  HealthJson,
} from '../../../foundation/wire/docker/container.ts';
import { formatTime, humanDuration, zeroTime } from './times.ts';

/** Docker's word for the state. A start under way still shows as created. */
export function statusWord({ state }: Pick<ContainerRecord, 'state'>): ContainerStatusWord {
  return state.status === 'starting' ? 'created' : state.status;
}

/** `State` of inspect. */
export function toStateJson(record: Pick<ContainerRecord, 'state' | 'error' | 'health'>): ContainerStateJson {
  const { state } = record;
  const isAlive = state.status === 'running' || state.status === 'paused';
  return {
    Status: statusWord(record),
    // Between two runs of a restart policy the real engine says running too.
    Running: isAlive || state.status === 'restarting',
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: 'oomKilled' in state ? state.oomKilled : false,
    Dead: false,
    Pid: isAlive ? state.pid : 0,
    ExitCode: 'exitCode' in state ? (state.exitCode ?? 0) : 0,
    Error: record.error,
    StartedAt: 'startedAtMs' in state ? formatTime(state.startedAtMs) : zeroTime,
    FinishedAt: 'finishedAtMs' in state ? formatTime(state.finishedAtMs) : zeroTime,
    ...(record.health ? { Health: toHealthJson(record.health) } : {}),
  };
}

function toHealthJson({ status, failingStreak, log }: HealthState): HealthJson {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map(({ startedAtMs, endedAtMs, exitCode, output }) => ({
      Start: formatTime(startedAtMs),
      End: formatTime(endedAtMs),
      ExitCode: exitCode,
      Output: output,
    })),
  };
}

/** What `ps` adds to a running container's status, and what its filter `health` goes by. */
export function healthWord({ health }: Pick<ContainerRecord, 'health'>): HealthJson['Status'] {
  return health?.status ?? 'none';
}

function healthText(record: Pick<ContainerRecord, 'health'>): string {
  const word = healthWord(record);
  if (word === 'none') return '';
  return word === 'starting' ? ' (health: starting)' : ` (${word})`;
}

/** The column STATUS of `ps`. */
export function statusText(record: Pick<ContainerRecord, 'state' | 'health'>, nowMs: number): string {
  const { state } = record;
  switch (state.status) {
    case 'created':
    case 'starting':
      return 'Created';
    case 'running':
      return `Up ${humanDuration(nowMs - state.startedAtMs)}${healthText(record)}`;
    case 'paused':
      return `Up ${humanDuration(nowMs - state.startedAtMs)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${humanDuration(nowMs - state.finishedAtMs)} ago`;
    case 'exited':
      return `Exited (${state.exitCode}) ${humanDuration(nowMs - state.finishedAtMs)} ago`;
    case 'removing':
      return 'Removal In Progress';
  }
}
