import { posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';

/** Words that a mode may hold, at most one of each group. */
const modeGroups: readonly ReadonlySet<string>[] = [
  new Set(['rw', 'ro']),
  new Set(['z', 'Z']),
  new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']),
  new Set(['nocopy']),
  // Hints for other systems; nothing on Linux.
  new Set(['default', 'consistent', 'cached', 'delegated']),
];
const propagations = modeGroups[2] ?? new Set();

/** A parsed `-v` word, before anything on the host is touched. */
export interface BindWord {
  source: string;
  destination: string;
  readOnly: boolean;
  propagation: string;
  mode: string;
}

/** `source:destination[:options]`; Docker's texts when wrong. */
export function parseBind(word: string): BindWord {
  const parts = word.split(':');
  // One path alone asks for an anonymous volume there.
  const [source = '', destination = '', mode = '', ...rest] = parts.length === 1 ? ['', word] : parts;
  const isBare = parts.length === 2 && isMode(destination);
  if (rest.length > 0 || (source === '' && parts.length > 1) || destination === '' || isBare)
    throw invalid(`invalid volume specification: '${word}'`, { code: 'invalid-volume' });
  if (!isMode(mode) && mode !== '') throw invalidMode(mode);
  const type = source.startsWith('/') ? 'bind' : 'volume';
  checkDestination(destination, word, type);
  const words = mode.split(',');
  const propagation = words.find((option) => propagations.has(option)) ?? '';
  if (type === 'volume' && propagation !== '')
    throw wrong(word, type, 'field BindOptions must not be specified');
  return {
    source,
    destination: posix.normalize(destination).replace(/(.)\/$/, '$1'),
    readOnly: words.includes('ro'),
    propagation,
    mode,
  };
}

/** `NAME[:mode]` of `--volumes-from`; how mounts propagate and what is copied stays as it is. */
export function parseVolumesFrom(word: string): { name: string; mode: string } {
  if (word === '')
    throw invalid('volumes-from specification cannot be an empty string', { code: 'invalid-volume' });
  const colon = word.indexOf(':');
  if (colon < 0) return { name: word, mode: '' };
  const mode = word.slice(colon + 1);
  const words = mode.split(',');
  if (!isMode(mode) || words.some((option) => propagations.has(option) || option === 'nocopy'))
    throw invalidMode(mode);
  return { name: word.slice(0, colon), mode };
}

/** Docker's rule: known words, no two of one group. */
function isMode(mode: string): boolean {
  const words = mode.split(',');
  const groups = words.map((word) => modeGroups.findIndex((group) => group.has(word)));
  return !groups.includes(-1) && new Set(groups).size === groups.length;
}

function invalidMode(mode: string): Error {
  return invalid(`invalid mode: ${mode.slice(0, 200)}`, {
    code: 'invalid-volume',
    hint: 'options are ro, rw, z, Z, nocopy and a propagation such as rslave',
  });
}

export function checkDestination(destination: string, word: string, type: 'bind' | 'volume'): void {
  if (!destination.startsWith('/'))
    throw wrong(word, type, `invalid mount path: '${destination}' mount path must be absolute`);
  if (posix.normalize(destination) === '/')
    throw wrong(word, type, `invalid specification: destination can't be '/'`);
}

function wrong(word: string, type: string, why: string): Error {
  return invalid(`invalid volume specification: '${word}': invalid mount config for type "${type}": ${why}`, {
    code: 'invalid-volume',
  });
}
