import { check, declare } from './libc.ts';

const setenv = declare<[string, string, number]>('setenv', 'int', ['str', 'str', 'int']);

/**
 * Asks for a thread pool of this size (node:fs/promises, asynchronous kernel calls, zlib and the reactor share it; by default it has as many
 * threads as there are processors, and two at least). The pool reads the wish when it is first used, so this must be among the
 * first things that a compiled program does; later it has no effect. A program run from its sources has used the pool to load them:
 * whoever starts it sets `UV_THREADPOOL_SIZE` in its environment. `process.env` does not reach the pool, setenv(3) does.
 */
export function requestThreadPoolSize(threads: number): void {
  check(setenv('UV_THREADPOOL_SIZE', String(threads), 0), 'setenv');
}
