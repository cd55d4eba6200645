/** A program on a pseudo-terminal of its own. */
export interface Terminal extends Disposable {
  /** Everything it wrote so far. */
  text(): string;
  /** Resolves when what it wrote holds the words, looking from behind the previous match; rejects when it ends or is silent for long. */
  until(words: string | RegExp): Promise<void>;
  type(text: string): void;
  resize(columns: number, rows: number): void;
  ended: Promise<number>;
}

export function openTerminal(
  command: string[],
  options: { env?: Record<string, string>; columns?: number; rows?: number; patienceMs?: number } = {},
): Terminal {
  const { columns = 80, rows = 24, patienceMs = 30_000 } = options;
  let text = '';
  let seen = 0;
  const listeners = new Set<() => void>();
  const wake = (): void => {
    for (const listener of listeners) listener();
  };
  const decoder = new TextDecoder();
  const child = Bun.spawn(command, {
    env: { ...process.env, TERM: 'xterm', ...options.env },
    terminal: {
      cols: columns,
      rows,
      data(_terminal, bytes) {
        text += decoder.decode(bytes, { stream: true });
        wake();
      },
    },
  });
  let isOver = false;
  const ended = child.exited.then((code) => {
    isOver = true;
    setTimeout(wake, 50);
    return code;
  });
  return {
    text: () => text,
    ended,
    type: (typed) => void child.terminal?.write(typed),
    resize: (wide, high) => child.terminal?.resize(wide, high),
    until: (words) =>
      new Promise((resolve, reject) => {
        const settle = (done: () => void): void => {
          listeners.delete(look);
          clearTimeout(timer);
          done();
        };
        const fail = (why: string): void =>
          settle(() =>
            reject(new Error(`${why} without ${String(words)}: ${JSON.stringify(text.slice(seen))}`)),
          );
        const look = (): void => {
          const rest = text.slice(seen);
          const at = typeof words === 'string' ? rest.indexOf(words) : rest.search(words);
          if (at >= 0) {
            const length = typeof words === 'string' ? words.length : (words.exec(rest)?.[0].length ?? 0);
            seen += at + length;
            settle(resolve);
          } else if (isOver) fail('the program ended');
        };
        const timer = setTimeout(() => fail('nothing came'), patienceMs);
        listeners.add(look);
        look();
      }),
    [Symbol.dispose]() {
      child.kill('SIGKILL');
      child.terminal?.close();
    },
  };
}
