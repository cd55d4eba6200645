import type { ChildProcess } from 'node:child_process';

/*
 * An ssh that is a session of its own gets no interrupt of the terminal, and while it still connects it does not see that we are gone. So whatever ends
 * this process by a signal, or by its own will, ends it as well. A signal that somebody here listens to (and may forward) ends nothing.
 */

const children = new Set<ChildProcess>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

export function endWithUs(child: ChildProcess): void {
  if (children.size === 0) listen('on');
  children.add(child);
  const forget = (): void => {
    if (children.delete(child) && children.size === 0) listen('off');
  };
  child.once('exit', forget);
  child.once('error', forget);
}

function listen(how: 'on' | 'off'): void {
  for (const signal of signals) process[how](signal, onSignal);
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
