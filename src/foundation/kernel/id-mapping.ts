import type { IdMapping } from './namespace.ts';

/** Which ids of the host stand for those inside of a user namespace. */
export interface IdMappings {
  users: readonly IdMapping[];
  groups: readonly IdMapping[];
}

/** The id of the host; undefined when the namespace has no such id. */
export function toOutside(mappings: readonly IdMapping[], id: number): number | undefined {
  const found = mappings.find((entry) => id >= entry.insideId && id < entry.insideId + entry.count);
  return found && found.outsideId + (id - found.insideId);
}

/** The id inside; undefined for an id of the host that the namespace does not show. */
export function toInside(mappings: readonly IdMapping[], id: number): number | undefined {
  const found = mappings.find((entry) => id >= entry.outsideId && id < entry.outsideId + entry.count);
  return found && found.insideId + (id - found.outsideId);
}

/** Lines of /proc/PID/uid_map, as a process of the initial user namespace reads them. */
export function parseMappings(text: string): IdMapping[] {
  return text.split('\n').flatMap((line) => {
    const [insideId, outsideId, count] = line.trim().split(/\s+/).map(Number);
    return insideId === undefined || outsideId === undefined || count === undefined
      ? []
      : [{ insideId, outsideId, count }];
  });
}
