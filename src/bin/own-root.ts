import { spawn } from 'node:child_process';
import { closeDescriptor } from '../foundation/kernel/at.ts';
import { createUserNamespace } from '../foundation/kernel/namespace.ts';
import { isErrno } from '../foundation/kernel/syscall-error.ts';
import script from '../../install/own-root.sh' with { type: 'text' };
import { ownCommand } from './self.ts';

/**
 * Whether this process is in a chroot, where containers could not be isolated (install/own-root.sh says why): clone(2) makes no user namespace
 * for anybody whose root is not that of its mount namespace.
 */
export function isInChroot(): boolean {
  if (process.getuid?.() !== 0 || process.env['SILO_OWN_ROOT'] !== undefined) return false;
  const mapping = [{ insideId: 0, outsideId: 0, count: 1 }];
  try {
    closeDescriptor(createUserNamespace({ users: mapping, groups: mapping }));
    return false;
  } catch (error) {
    return isErrno(error, 'EPERM') && error.call === 'clone';
  }
}

/** Runs this very command again where the chroot's root is the root; passes signals on. Resolves to its exit code. */
export function runInOwnRoot(): Promise<number> {
  const readyFd = process.env['SILO_READY_FD'];
  const passed = readyFd === '3' ? ([3] as const) : [];
  const [program = '', ...words] = ownCommand();
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', script, 'own-root', program, ...words, ...process.argv.slice(2)], {
      stdio: ['inherit', 'inherit', 'inherit', ...passed],
    });
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      process.on(signal, () => void child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
