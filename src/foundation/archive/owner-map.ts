import { invalid } from '../base/errors.ts';
import { type IdMappings, toInside, toOutside } from '../kernel/id-mapping.ts';

/*
 * Between the owners in an archive, which are those inside of a container, and those on the host of the same files seen from outside while the container
 * runs in a user namespace.
 */

export interface Owner {
  uid: number;
  gid: number;
}

/** What the kernel shows for an id that a namespace does not have. */
const nobody = 65_534;

export function ownerInside({ uid, gid }: Owner, { users, groups }: IdMappings): Owner {
  return { uid: toInside(users, uid) ?? nobody, gid: toInside(groups, gid) ?? nobody };
}

/** Kind `invalid` for an owner that the container does not have. */
export function ownerOutside({ uid, gid }: Owner, { users, groups }: IdMappings): Owner {
  const [user, group] = [toOutside(users, uid), toOutside(groups, gid)];
  if (user !== undefined && group !== undefined) return { uid: user, gid: group };
  throw invalid(`the container has no owner ${uid}:${gid}: its ids are those below 65536`, {
    code: 'owner-outside',
    hint: 'they exist only in a container that runs with --userns=host',
  });
}

/** <linux/capability.h>: revision 3 of `security.capability` is revision 2 with the root whose namespace it counts in, at the end. */
const [revisionMask, revision2, revision3] = [0xff00_0000, 0x0200_0000, 0x0300_0000];
const [revision2Bytes, revision3Bytes] = [20, 24];

/** Of a file of the container, as an archive has it: for whoever is root there. */
export function capabilityInside(value: Buffer, { users }: IdMappings): Buffer {
  if (value.length !== revision3Bytes) return value;
  const head = value.readUInt32LE(0);
  const isOurs = toInside(users, value.readUInt32LE(revision2Bytes)) === 0;
  if ((head & revisionMask) >>> 0 !== revision3 || !isOurs) return value;
  const plain = Buffer.from(value.subarray(0, revision2Bytes));
  plain.writeUInt32LE(((head & ~revisionMask) | revision2) >>> 0, 0);
  return plain;
}

/** The other way: a capability that counts for the container's root. */
export function capabilityOutside(value: Buffer, { users }: IdMappings): Buffer {
  const root = toOutside(users, 0);
  if (value.length !== revision2Bytes || root === undefined) return value;
  const full = Buffer.alloc(revision3Bytes);
  value.copy(full);
  full.writeUInt32LE(((value.readUInt32LE(0) & ~revisionMask) | revision3) >>> 0, 0);
  full.writeUInt32LE(root, revision2Bytes);
  return full;
}

export const capabilityName = 'security.capability';

/** The attributes of a file, as an archive has them. */
export function attributesInside(
  attributes: Map<string, Buffer>,
  mappings: IdMappings | undefined,
): Map<string, Buffer> {
  const value = attributes.get(capabilityName);
  if (mappings && value) attributes.set(capabilityName, capabilityInside(value, mappings));
  return attributes;
}
