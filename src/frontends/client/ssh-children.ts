import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

/*
 * An ssh that is a session of its own gets no interrupt of the terminal, and while it still connects it does not see that we are gone. So whatever ends
 * this process by a signal, or by its own will, ends it as well. A signal that somebody here listens to (and may forward), or that whoever
 * started us has us ignore (nohup, a shell's background), ends nothing.
 */

const children = new Set<ChildProcess>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

let heard: readonly (typeof signals)[number][] = [];

/** Listening begins before the child does: an interrupt in between would leave it behind. */
export function startWithUs<Child extends ChildProcess>(start: () => Child): Child {
  if (children.size === 0) listen('on');
  let child: Child;
  try {
    child = start();
  } catch (error) {
    if (children.size === 0) listen('off');
    throw error;
  }
  children.add(child);
  const forget = (): void => {
    if (children.delete(child) && children.size === 0) listen('off');
  };
  child.once('exit', forget);
  child.once('error', forget);
  return child;
}

function listen(how: 'on' | 'off'): void {
  if (how === 'on') heard = signals.filter((signal) => !isIgnored(signal));
  for (const signal of heard) process[how](signal, onSignal);
  process[how]('exit', endAll);
}

function endAll(): void {
  for (const child of children) child.kill();
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  endAll();
  listen('off');
  process.kill(process.pid, signal);
}

/** proc_pid_status(5): a bit for each signal, the lowest for number 1. */
function isIgnored(signal: (typeof signals)[number]): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
    return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}
