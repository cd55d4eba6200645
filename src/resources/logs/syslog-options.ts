import { invalid } from '../../foundation/base/errors.ts';

export type SyslogAddress =
  | { protocol: 'unix' | 'unixgram'; path: string }
  | { protocol: 'tcp' | 'udp'; host: string; port: number };

export interface SyslogOptions {
  /** Undefined: the machine's own, `/dev/log`. */
  address?: SyslogAddress;
  facility: number;
  format: 'unix' | 'rfc3164' | 'rfc5424' | 'rfc5424micro';
}

const facilities =
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp - - - - local0 local1 local2 local3 local4 local5 local6 local7'.split(
    ' ',
  );
const daemonFacility = 3;

/** Options as Docker documents them, refused in its words. */
export function parseSyslogOptions(options: Record<string, string>): SyslogOptions {
  const address = parseAddress(options['syslog-address'] ?? '');
  const facility = parseFacility(options['syslog-facility'] ?? '');
  const format = options['syslog-format'] ?? '';
  if (format !== '' && format !== 'rfc3164' && format !== 'rfc5424' && format !== 'rfc5424micro')
    throw wrong('Invalid syslog format');
  return { ...(address ? { address } : {}), facility, format: format === '' ? 'unix' : format };
}

function parseAddress(text: string): SyslogAddress | undefined {
  if (text === '') return undefined;
  const shown = text.slice(0, 200);
  const match = /^([a-z+]+):\/\/(.*)$/.exec(text);
  const [, protocol, rest = ''] = match ?? [];
  if (protocol === 'tcp+tls') throw wrong('syslog over TLS (tcp+tls) is not supported');
  if (protocol === 'unix' || protocol === 'unixgram') {
    if (!rest.startsWith('/') || rest.includes('\0') || rest.length > 107)
      throw wrong(`syslog-address needs the absolute path of a socket, got ${shown}`);
    return { protocol, path: rest };
  }
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw wrong(`syslog-address should be in form proto://address, got ${shown}`);
  const place = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]+)(?::(\d{1,5}))?$/.exec(rest);
  const port = Number(place?.[2] ?? 514);
  if (!place || port < 1 || port > 65_535) throw wrong(`invalid syslog-address ${shown}`);
  return { protocol, host: (place[1] ?? '').replace(/^\[|\]$/g, ''), port };
}

function parseFacility(text: string): number {
  if (text === '') return daemonFacility;
  const named = text === '-' ? -1 : facilities.indexOf(text);
  if (named >= 0) return named;
  if (/^\d{1,2}$/.test(text) && Number(text) <= 23) return Number(text);
  throw wrong('invalid syslog facility');
}

function wrong(message: string): Error {
  return invalid(message, { code: 'bad-log-config' });
}
