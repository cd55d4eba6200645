import { conflict } from '../../foundation/base/errors.ts';

/** Where a container is in its life. Times in milliseconds since the epoch. */
export type ContainerState =
  /** `exitCode` of the last attempt to start, 0 when none was made. */
  | { status: 'created'; exitCode?: number }
  /** Only between two steps of `start`: never stored. */
  | { status: 'starting'; sinceMs: number; firstTime: boolean; lastStartedAtMs?: number }
  | { status: 'running'; pid: number; startedAtMs: number }
  | { status: 'paused'; pid: number; startedAtMs: number }
  | { status: 'restarting'; startedAtMs?: number; finishedAtMs: number; exitCode: number; oomKilled: boolean }
  | {
      status: 'exited';
      /** Absent when it never ran. */
      startedAtMs?: number;
      finishedAtMs: number;
      exitCode: number;
      oomKilled: boolean;
      /** It was told to end, so restart policies leave it alone. */
      stoppedByUser: boolean;
    }
  | { status: 'removing'; exitCode: number };

export type ContainerEvent =
  | { type: 'start'; atMs: number }
  | { type: 'started'; pid: number; atMs: number }
  /** `willRetry`: a restart policy's attempt, which is made again. */
  | { type: 'start-failed'; exitCode: number; atMs: number; willRetry?: boolean }
  | {
      type: 'exited';
      exitCode: number;
      oomKilled: boolean;
      atMs: number;
      willRestart: boolean;
      stoppedByUser: boolean;
    }
  | { type: 'paused' }
  | { type: 'resumed' }
  | { type: 'remove' };

/** The state machine: what follows from an event. Throws `conflict` when the event cannot happen in the state. */
export function next(state: ContainerState, event: ContainerEvent): ContainerState {
  switch (event.type) {
    case 'start':
      if (state.status === 'created' || state.status === 'exited' || state.status === 'restarting')
        return {
          status: 'starting',
          sinceMs: event.atMs,
          firstTime: state.status === 'created',
          ...('startedAtMs' in state && state.startedAtMs !== undefined
            ? { lastStartedAtMs: state.startedAtMs }
            : {}),
        };
      break;
    case 'started':
      if (state.status === 'starting') return { status: 'running', pid: event.pid, startedAtMs: event.atMs };
      break;
    case 'start-failed':
      if (state.status === 'starting') {
        if (state.firstTime) return { status: 'created', exitCode: event.exitCode };
        const end = {
          ...(state.lastStartedAtMs === undefined ? {} : { startedAtMs: state.lastStartedAtMs }),
          finishedAtMs: event.atMs,
          exitCode: event.exitCode,
          oomKilled: false,
        };
        if (event.willRetry) return { status: 'restarting', ...end };
        return { status: 'exited', ...end, stoppedByUser: false };
      }
      break;
    case 'exited':
      if (state.status === 'running' || state.status === 'paused' || state.status === 'starting') {
        const startedAtMs = state.status === 'starting' ? state.sinceMs : state.startedAtMs;
        const end = {
          startedAtMs,
          finishedAtMs: event.atMs,
          exitCode: event.exitCode,
          oomKilled: event.oomKilled,
        };
        if (event.willRestart) return { status: 'restarting', ...end };
        return { status: 'exited', ...end, stoppedByUser: event.stoppedByUser };
      }
      break;
    case 'paused':
      if (state.status === 'running') return { ...state, status: 'paused' };
      break;
    case 'resumed':
      if (state.status === 'paused') return { ...state, status: 'running' };
      break;
    case 'remove':
      if (
        state.status === 'created' ||
        state.status === 'exited' ||
        state.status === 'restarting' ||
        state.status === 'removing'
      )
        return { status: 'removing', exitCode: state.exitCode ?? 0 };
      break;
  }
  throw conflict(`container is ${state.status}: "${event.type}" cannot happen now`);
}

/** Whether a process of the container exists. */
export function isRunning(state: ContainerState): state is Extract<ContainerState, { pid: number }> {
  return state.status === 'running' || state.status === 'paused';
}
