import { isIP } from 'node:net';
import { invalid } from '../../foundation/base/errors.ts';

/** Where a daemon listens. */
export type Host =
  | { kind: 'unix'; path: string; text: string }
  | { kind: 'tcp'; hostname: string; port: number; text: string };

export const defaultHost = 'unix:///run/silo/silo.sock';

const hint = 'write it as unix:///path or tcp://host:port';

/** Reads `unix:///path`, `/path`, `tcp://host:port`, `http(s)://host:port`. */
export function parseHost(text: string): Host {
  if (text.startsWith('/')) return { kind: 'unix', path: text, text: `unix://${text}` };
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length);
    if (!path.startsWith('/')) throw invalid(`unable to parse docker host \`${text}\``, { hint });
    return { kind: 'unix', path, text };
  }
  const match = /^(tcp|https?):\/\/(?:\[([^\]]+)\]|([^/:]*))(?::(\d+))?\/?$/.exec(text);
  if (!match) throw invalid(`unable to parse docker host \`${text}\``, { hint });
  const hostname = match[2] ?? (match[3] || '127.0.0.1');
  const port = Number(match[4] ?? (match[1] === 'https' ? 2376 : 2375));
  if (port < 1 || port > 65535 || (match[2] !== undefined && isIP(match[2]) !== 6))
    throw invalid(`unable to parse docker host \`${text}\``, { hint });
  return { kind: 'tcp', hostname, port, text };
}
