import type { LogEntry } from '../logs.ts';
import type { SyslogOptions } from '../syslog-options.ts';

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const error = 3;
const informational = 6;

export interface SyslogSender {
  hostname: string;
  tag: string;
  pid: number;
}

/** One message as Docker's formats have it, without a newline; times are those of the entries. */
export function formatSyslog(
  { stream, time, text }: LogEntry,
  { facility, format }: Pick<SyslogOptions, 'facility' | 'format'>,
  { hostname, tag, pid }: SyslogSender,
): Buffer {
  const priority = facility * 8 + (stream === 'stderr' ? error : informational);
  const head = ((): string => {
    switch (format) {
      case 'unix':
        return `<${priority}>${stamp(time)} ${tag}[${pid}]: `;
      case 'rfc3164':
        return `<${priority}>${stamp(time)} ${hostname} ${tag}[${pid}]: `;
      case 'rfc5424':
        return `<${priority}>1 ${time.slice(0, 19)}Z ${hostname} ${tag} ${pid} ${tag} - `;
      case 'rfc5424micro':
        return `<${priority}>1 ${time.slice(0, 26)}Z ${hostname} ${tag} ${pid} ${tag} - `;
    }
  })();
  return Buffer.concat([Buffer.from(head), text.at(-1) === 0x0a ? text.subarray(0, -1) : text]);
}

/** `Jan  2 03:04:05`, in UTC like all times of the log. */
function stamp(time: string): string {
  const month = months[Number(time.slice(5, 7)) - 1] ?? 'Jan';
  return `${month} ${String(Number(time.slice(8, 10))).padStart(2, ' ')} ${time.slice(11, 19)}`;
}
