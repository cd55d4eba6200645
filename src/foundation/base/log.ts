import { redact } from './errors.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Structured log of the daemon: one line an entry on standard error, `key=value` pairs after the message. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
export type LogFields = Record<string, string | number | boolean | undefined>;

const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createLog(write: (line: string) => void, minimum: LogLevel = 'info'): Log {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (ranks[level] < ranks[minimum]) return;
      const pairs = Object.entries(fields)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
      write(`${new Date().toISOString()} ${level} ${redact(message)}${redact(pairs.join(''))}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export const silentLog: Log = createLog(() => undefined);
