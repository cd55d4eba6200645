import { isIP } from 'node:net';
import { invalid } from '../../foundation/base/errors.ts';

/** Where a daemon listens. */
export type Host = Place & {
  /** The variable or context that named it, for messages. */
  namedBy?: string;
};

type Place =
  | { kind: 'unix'; path: string; text: string }
  | { kind: 'tcp'; hostname: string; port: number; text: string }
  /** `hostname` may have a user before it; `path` is the socket there, when it is not the default one. */
  | { kind: 'ssh'; hostname: string; port: number | undefined; path: string | undefined; text: string };

export const defaultHost = 'unix:///run/silo/silo.sock';

const hint = 'write it as unix:///path, tcp://host:port or ssh://user@host';

/** Reads `unix:///path`, `/path`, `tcp://host:port`, `http(s)://host:port`, `ssh://[user@]host[:port][/path]`. */
export function parseHost(text: string): Host {
  if (text.startsWith('/')) return { kind: 'unix', path: text, text: `unix://${text}` };
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length);
    if (!path.startsWith('/')) throw invalid(`unable to parse docker host \`${text}\``, { hint });
    return { kind: 'unix', path, text };
  }
  if (text.startsWith('ssh://')) return parseSshHost(text);
  const match = /^(tcp|https?):\/\/(?:\[([^\]]+)\]|([^/:]*))(?::(\d+))?\/?$/.exec(text);
  if (!match) throw invalid(`unable to parse docker host \`${text}\``, { hint });
  const hostname = match[2] ?? (match[3] || '127.0.0.1');
  const port = Number(match[4] ?? (match[1] === 'https' ? 2376 : 2375));
  if (port < 1 || port > 65535 || (match[2] !== undefined && isIP(match[2]) !== 6))
    throw invalid(`unable to parse docker host \`${text}\``, { hint });
  return { kind: 'tcp', hostname, port, text };
}

/** Nothing in it may be taken for an option of ssh, or for a word of the shell that ssh starts there. */
function parseSshHost(text: string): Host {
  const match =
    /^ssh:\/\/((?:\w[\w.-]*@)?(?:[\dA-Za-z][\w.-]*|\[[\da-fA-F:]+\]))(?::(\d{1,5}))?(\/[\w./-]+)?\/?$/.exec(
      text,
    );
  const [, hostname = '', port, path] = match ?? [];
  if (!match) throw invalid(`unable to parse docker host \`${text}\``, { hint });
  return {
    kind: 'ssh',
    hostname: hostname.replaceAll(/[[\]]/g, ''),
    port: port === undefined ? undefined : Number(port),
    path,
    text,
  };
}
