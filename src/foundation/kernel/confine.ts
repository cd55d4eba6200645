import { check, cString, declare, type CString } from './libc.ts';

/*
 * How a helper process of ours locks itself up. All of it changes the whole process for good: never call it in the engine.
 */

const c = {
  chroot: declare<[CString]>('chroot', 'int', ['str']),
  chdir: declare<[CString]>('chdir', 'int', ['str']),
  unshare: declare<[number]>('unshare', 'int', ['int']),
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
const CLONE_NEWNS = 0x20000;

/** chroot(2) and chdir(2): the folder becomes all that there is. Load code and open descriptors before. */
export function chrootInto(directory: string): void {
  check(c.chroot(cString(directory, 'chroot')), 'chroot', directory);
  check(c.chdir('/'), 'chdir', '/');
}

/**
 * unshare(2) with `CLONE_NEWNS`: this thread, with a working directory and root of its own, sees copies of the mounts from here on. They vanish with
 * the process, however it ends. Make them private first thing.
 */
export function unshareMounts(): void {
  check(c.unshare(CLONE_NEWNS), 'unshare');
}

/** PR_SET_PDEATHSIG(2const): the kernel kills this process when its parent dies. A parent that is dead already is not noticed. */
export function dieWithParent(): void {
  check(c.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), 'prctl PR_SET_PDEATHSIG');
}

/** PR_SET_NO_NEW_PRIVS(2const): no program that this process might start gains privileges. */
export function forbidNewPrivileges(): void {
  check(c.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl PR_SET_NO_NEW_PRIVS');
}
