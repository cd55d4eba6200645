import type { TerminalSize } from '../../client/container-calls.ts';
import type { CliIo } from '../io.ts';

/**
 * Tells the size now and after each change, until disposed; one message at a time, so that the last one to arrive is that of the last change. A failed message
 * is not worth ending a session.
 */
export function followSize(io: CliIo, tell: (size: TerminalSize) => Promise<void>): Disposable {
  let isTelling = false;
  let hasChanged = false;
  const send = (): void => {
    const { columns, rows } = io.stdout;
    hasChanged = isTelling;
    if (isTelling || !columns || !rows) return;
    isTelling = true;
    void tell({ columns, rows })
      .catch(() => undefined)
      .then(() => {
        isTelling = false;
        if (hasChanged) send();
      });
  };
  send();
  return io.onSignal('SIGWINCH', send);
}

const forwarded = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGWINCH',
] as const;

/** Passes signals on to the container instead of dying of them, until disposed. */
export function forwardSignals(io: CliIo, kill: (signal: string) => Promise<void>): Disposable {
  const stack = new DisposableStack();
  for (const name of forwarded)
    stack.use(
      io.onSignal(name, (signal) => {
        // "2 INT": the daemon takes names without SIG, too; a container that is gone needs no signal.
        kill(signal.replace(/^SIG/, '')).catch(() => undefined);
      }),
    );
  return stack;
}
