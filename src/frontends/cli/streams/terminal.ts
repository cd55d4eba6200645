import type { TerminalSize } from '../../client/container-calls.ts';
import type { CliIo } from '../io.ts';

export const noTerminalHint = 'leave out -t (--tty) where there is no terminal, as in scripts';

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

/** So many interrupts are a user's who wants to leave. */
const impatience = 3;

/** Passes signals on to the container instead of dying of them, until disposed. */
export function forwardSignals(io: CliIo, kill: (signal: string) => Promise<void>): Disposable {
  const stack = new DisposableStack();
  let interrupts = 0;
  for (const name of forwarded)
    stack.use(
      io.onSignal(name, (signal) => {
        // "2 INT": the daemon takes names without SIG, too; a container that is gone needs no signal.
        if (signal === 'SIGINT' && ++interrupts === impatience)
          io.stderr.write(
            'Hint: the program takes no notice of interrupts, as a first process does that has no handler for them. ' +
              '`silo kill` from another terminal ends it, `silo run --init` helps the next time\n',
          );
        kill(signal.replace(/^SIG/, '')).catch(() => undefined);
      }),
    );
  return stack;
}
