import type { EngineEvent } from '../../../engine/events/events.ts';
import { familiarName, parseReference } from '../../../foundation/oci/reference.ts';
import { type Filters, matchesAny, matchesLabels } from './filters.ts';

export const eventFilterNames: readonly string[] = [
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'label!',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'volume',
];

/** One test of an event for all filters. Objects are named by the beginning of their id or name, as the real engine takes it. */
export function createEventFilter(filters: Filters): (event: EngineEvent) => boolean {
  const about = (type: EngineEvent['type']) => (event: EngineEvent) =>
    !filters.has(type) || (event.type === type && matchesAny(filters, type, (word) => isAbout(event, word)));
  const tests = [about('container'), about('daemon'), about('network'), about('volume')];
  return (event) =>
    matchesAny(filters, 'type', (word) => word === event.type) &&
    // `exec_start: sh` is matched by its verb too.
    matchesAny(filters, 'event', (word) => event.action === word || event.action.startsWith(`${word}:`)) &&
    matchesAny(filters, 'scope', (word) => word === 'local') &&
    matchesLabels(filters, event.attributes) &&
    (!filters.has('image') || matchesAny(filters, 'image', (word) => isAboutImage(event, word))) &&
    tests.every((test) => test(event)) &&
    !['config', 'node', 'plugin', 'secret', 'service'].some((type) => filters.has(type));
}

function isAbout({ id, attributes }: EngineEvent, word: string): boolean {
  const name = word.replace(/^\//, '');
  return name !== '' && (id.startsWith(name) || (attributes['name']?.startsWith(name) ?? false));
}

/** Events of the image itself and of its containers; a name without tag stands for all tags. */
function isAboutImage(event: EngineEvent, word: string): boolean {
  const names = [event.id, event.attributes['name'], event.attributes['image']].filter(
    (name) => name !== undefined,
  );
  return names.some(
    (name) => name === word || withoutTag(name) === word || name.replace(/^sha256:/, '').startsWith(word),
  );
}

function withoutTag(name: string): string {
  try {
    const { host, path } = parseReference(name);
    return familiarName({ host, path });
  } catch {
    return name;
  }
}
