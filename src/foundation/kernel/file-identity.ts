import { internal } from '../base/errors.ts';
import { addressOf, check, declare, stableBytes } from './libc.ts';

const c = {
  setfsuid: declare<[number]>('setfsuid', 'int', ['uint32']),
  setfsgid: declare<[number]>('setfsgid', 'int', ['uint32']),
  capget: declare<[bigint, bigint]>('capget', 'int', ['intptr', 'intptr']),
  capset: declare<[bigint, bigint]>('capset', 'int', ['intptr', 'intptr']),
};
/** `_LINUX_CAPABILITY_VERSION_3`, capget(2). */
const capabilityVersion = 0x20080522;
const noId = 0xffff_ffff;

/**
 * What this thread makes in file systems from here on belongs to these ids (setfsuid(2)); its privileges stay. A file system of a user namespace takes nothing from
 * an id that it does not know, the host's root among them.
 */
export function makeFilesAs({ uid, gid }: { uid: number; gid: number }): void {
  const header = stableBytes(8);
  const held = stableBytes(24);
  header.writeUInt32LE(capabilityVersion, 0);
  const [headerAddress, heldAddress] = [addressOf(header), addressOf(held)];
  check(c.capget(headerAddress, heldAddress), 'capget');
  c.setfsgid(gid);
  c.setfsuid(uid);
  // The kernel took the privileges over files away with the id.
  check(c.capset(headerAddress, heldAddress), 'capset');
  // Both calls answer with the id before; an impossible one asks without changing.
  if (c.setfsuid(noId) >>> 0 !== uid || c.setfsgid(noId) >>> 0 !== gid)
    throw internal(`files cannot be made as ${uid}:${gid}`);
}
