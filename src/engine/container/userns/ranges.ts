import { randomInt } from 'node:crypto';
import { exhausted } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { IdMappings } from '../../../foundation/kernel/id-mapping.ts';
import type { IdRange } from './area.ts';
import { idsPerContainer } from './mode.ts';

/**
 * Which ids of the host the running containers have. Nothing is stored: after a start of the engine the processes themselves tell (`recover.ts`), so that what dies
 * leaves nothing behind.
 */
export interface IdRanges {
  /** Ids that no running container has, or those that it has already. Kind `exhausted` when all are taken. */
  allocate(id: ContainerId, keep?: { uid: number; gid: number }): IdMappings;
  /** The container has these from now on: another's, or those of its processes. */
  hold(id: ContainerId, mappings: IdMappings): void;
  /** undefined when it has those of the host. */
  of(id: ContainerId): IdMappings | undefined;
  /** Others that share them keep them. Safe to repeat. */
  release(id: ContainerId): void;
}

/** `area` may be empty, when there are no user namespaces. */
export function createIdRanges(area: readonly IdRange[]): IdRanges {
  const held = new Map<ContainerId, IdMappings>();
  const slots = area.flatMap(({ first, count }) =>
    Math.floor(count / idsPerContainer) > 0 ? [{ first, slots: Math.floor(count / idsPerContainer) }] : [],
  );
  const total = slots.reduce((sum, part) => sum + part.slots, 0);
  const firstOf = (slot: number): number => {
    let rest = slot;
    for (const part of slots) {
      if (rest < part.slots) return part.first + rest * idsPerContainer;
      rest -= part.slots;
    }
    throw new RangeError(`no slot ${slot}`);
  };
  const isFree = (first: number): boolean => {
    for (const { users, groups } of held.values())
      for (const { outsideId, count } of [...users, ...groups])
        if (outsideId < first + idsPerContainer && first < outsideId + count) return false;
    return true;
  };
  return {
    allocate(id, keep) {
      const known = held.get(id);
      if (known) return known;
      // From a random place: engines beside each other that use the same area rarely meet.
      const start = total === 0 ? 0 : randomInt(total);
      for (let tried = 0; tried < total; tried++) {
        const first = firstOf((start + tried) % total);
        if (!isFree(first)) continue;
        const mappings = {
          users: mappingsFrom(first, keep?.uid),
          groups: mappingsFrom(first, keep?.gid),
        };
        held.set(id, mappings);
        return mappings;
      }
      throw exhausted(`all ${total} ranges of ids for user namespaces are in use`, {
        code: 'no-ids',
        hint: 'stop containers, widen "userns-range" in the configuration, or run this one with --userns=host',
      });
    },
    hold: (id, mappings) => void held.set(id, mappings),
    of: (id) => held.get(id),
    release: (id) => void held.delete(id),
  };
}

function mappingsFrom(first: number, kept: number | undefined): IdMappings['users'] {
  if (kept === undefined) return [{ insideId: 0, outsideId: first, count: idsPerContainer }];
  const after = kept + 1;
  return [
    { insideId: 0, outsideId: first, count: kept },
    { insideId: kept, outsideId: kept, count: 1 },
    ...(after < idsPerContainer
      ? [{ insideId: after, outsideId: first + after, count: idsPerContainer - after }]
      : []),
  ];
}
