import { invalid } from '../../foundation/base/errors.ts';

export type SyslogAddress =
  | { protocol: 'unix' | 'unixgram'; path: string }
  | { protocol: 'tcp' | 'udp'; host: string; port: number }
  | {
      protocol: 'tls';
      host: string;
      port: number;
      files: SyslogTlsFiles;
      /** Each message has its length before it (RFC 5425, section 4.3), as Docker sends the formats of RFC 5424. */
      isCounted: boolean;
    };

/** Absolute paths of PEM files on the host. */
export interface SyslogTlsFiles {
  /** Receivers must have a certificate of one of these authorities; absent, of one that the system trusts. */
  ca?: string;
  /** Who we are, for receivers that ask. */
  cert?: string;
  key?: string;
  skipVerify: boolean;
}

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
  const address = parseAddress(options['syslog-address'] ?? '', options);
  const facility = parseFacility(options['syslog-facility'] ?? '');
  const format = options['syslog-format'] ?? '';
  if (format !== '' && format !== 'rfc3164' && format !== 'rfc5424' && format !== 'rfc5424micro')
    throw wrong('Invalid syslog format');
  return { ...(address ? { address } : {}), facility, format: format === '' ? 'unix' : format };
}

function parseAddress(text: string, options: Record<string, string>): SyslogAddress | undefined {
  if (text === '') return undefined;
  const shown = text.slice(0, 200);
  const match = /^([a-z+]+):\/\/(.*)$/.exec(text);
  const [, protocol, rest = ''] = match ?? [];
  if (protocol === 'unix' || protocol === 'unixgram') {
    if (!rest.startsWith('/') || rest.includes('\0') || rest.length > 107)
      throw wrong(`syslog-address needs the absolute path of a socket, got ${shown}`);
    return { protocol, path: rest };
  }
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'tcp+tls')
    throw wrong(`syslog-address should be in form proto://address, got ${shown}`);
  const place = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]+)(?::(\d{1,5}))?$/.exec(rest);
  const port = Number(place?.[2] ?? 514);
  if (!place || port < 1 || port > 65_535) throw wrong(`invalid syslog-address ${shown}`);
  const host = (place[1] ?? '').replace(/^\[|\]$/g, '');
  return protocol === 'tcp+tls'
    ? {
        protocol: 'tls',
        host,
        port,
        files: parseTlsFiles(options),
        isCounted: options['syslog-format']?.startsWith('rfc5424') ?? false,
      }
    : { protocol, host, port };
}

/** `syslog-tls-skip-verify` counts by being there, as in Docker, unless it says no. */
function parseTlsFiles(options: Record<string, string>): SyslogTlsFiles {
  const pathOf = (name: string): string | undefined => {
    const path = options[`syslog-tls-${name}`];
    if (path === undefined || path === '') return undefined;
    if (!path.startsWith('/') || path.includes('\0') || path.length > 4096)
      throw wrong(`syslog-tls-${name} needs the absolute path of a file, got ${path.slice(0, 200)}`);
    return path;
  };
  const [ca, cert, key] = [pathOf('ca-cert'), pathOf('cert'), pathOf('key')];
  if ((cert === undefined) !== (key === undefined))
    throw wrong('syslog-tls-cert and syslog-tls-key belong together');
  const skip = options['syslog-tls-skip-verify'];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    skipVerify: skip !== undefined && !['0', 'f', 'false', 'False', 'FALSE'].includes(skip),
  };
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
