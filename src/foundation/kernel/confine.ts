import { check, cString, declare, type CString } from './libc.ts';

/*
 * How a helper process of ours locks itself up. All of it changes the whole process for good: never call it in the engine.
 */

const c = {
  chroot: declare<[CString]>('chroot', 'int', ['str']),
  chdir: declare<[CString]>('chdir', 'int', ['str']),
  prctl: declare<[number, number, number, number, number]>('prctl', 'int', [
    'int',
    'ulong',
    'ulong',
    'ulong',
    'ulong',
  ]),
};
const PR_SET_PDEATHSIG = 1;
const PR_SET_NO_NEW_PRIVS = 38;
const SIGKILL = 9;

/** chroot(2) and chdir(2): the folder becomes all that there is. Load code and open descriptors before. */
export function chrootInto(directory: string): void {
  check(c.chroot(cString(directory, 'chroot')), 'chroot', directory);
  check(c.chdir('/'), 'chdir', '/');
}

/** PR_SET_PDEATHSIG(2const): the kernel kills this process when its parent dies. A parent that is dead already is not noticed. */
export function dieWithParent(): void {
  check(c.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), 'prctl PR_SET_PDEATHSIG');
}

/** PR_SET_NO_NEW_PRIVS(2const): no program that this process might start gains privileges. */
export function forbidNewPrivileges(): void {
  check(c.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl PR_SET_NO_NEW_PRIVS');
}
