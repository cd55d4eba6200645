import { toSiloError } from '../../../../foundation/base/errors.ts';
import type { Log } from '../../../../foundation/base/log.ts';
import type { Later } from '../types.ts';

/** A failure is only logged: what stays is found when the engine starts anew. */
export function createLater({ log }: { log: Log }): Later & AsyncDisposable {
  const begun = new Set<Promise<void>>();
  let isOver = false;
  return {
    add(work) {
      const done = work()
        .catch((error: unknown) =>
          log.warn(`cleaning up after a step of a build: ${toSiloError(error).message}`),
        )
        .finally(() => begun.delete(done));
      begun.add(done);
      return isOver ? done : Promise.resolve();
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      while (begun.size > 0) await Promise.all(begun);
    },
  };
}
