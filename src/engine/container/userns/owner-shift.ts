import { internal, invalid, type SiloError, toSiloError } from '../../../foundation/base/errors.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { type IdMappings, toOutside } from '../../../foundation/kernel/id-mapping.ts';
import { idmappedClone, type Place } from '../../../foundation/kernel/mount.ts';
import { createUserNamespace, type IdMapping } from '../../../foundation/kernel/namespace.ts';

/**
 * How files appear in a container's user namespace: an id on the disk is the same id inside, whatever it is on the host while the container runs. What is on the disk never changes.
 */
export interface OwnerShift extends Disposable {
  mappings: IdMappings;
  /** The ids of the host that are root inside. */
  root: { uid: number; gid: number };
  /** A clone of the mount at the place, attached nowhere, whose owners are the container's. The descriptor is the caller's. */
  clone(place: Place, options?: { recursive?: boolean }): number;
}

/**
 * On the disk it stands for us, who are nobody in the container: overlayfs makes its work folders as the one who mounts, and the engine makes files in a root before it gives them
 * to their owner. A file system refuses who has no id on it.
 */
const engineOnDisk = 0x7fff_fffe;

export function openOwnerShift(mappings: IdMappings): OwnerShift {
  const withEngine = (ids: readonly IdMapping[]): IdMapping[] => [
    ...ids,
    { insideId: engineOnDisk, outsideId: 0, count: 1 },
  ];
  const namespace = createUserNamespace({
    users: withEngine(mappings.users),
    groups: withEngine(mappings.groups),
  });
  let isOpen = true;
  return {
    mappings,
    root: { uid: rootOf(mappings.users), gid: rootOf(mappings.groups) },
    clone(place, options) {
      // Work that nobody waits for any more (`askHost`) may come here late, when the number is another file's.
      if (!isOpen) throw internal('the user namespace of this start is closed');
      return idmappedClone(place, namespace, options);
    },
    [Symbol.dispose]() {
      if (isOpen) closeDescriptor(namespace);
      isOpen = false;
    },
  };
}

/** Fails where root is nobody, as no container of ours is. */
function rootOf(mappings: readonly IdMapping[]): number {
  const root = toOutside(mappings, 0);
  if (root === undefined) throw invalid('the user namespace has no root', { code: 'invalid-userns' });
  return root;
}

const code = 'needs-host-ids';

/** This run cannot have a user namespace of its own, for the reason; the caller starts it with the host's. */
export function needsHostIds(reason: string, cause?: unknown): SiloError {
  return invalid(reason, { code, cause });
}

/** The reason, when that is why something failed. */
export function reasonForHostIds(error: unknown): string | undefined {
  const found = toSiloError(error);
  return found.code === code ? found.message : undefined;
}
