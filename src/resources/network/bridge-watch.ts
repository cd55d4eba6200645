import { toSiloError } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import { watchLostLinks } from '../../foundation/kernel/netlink/link-events.ts';
import type { Reactor } from '../../foundation/kernel/reactor.ts';

export interface BridgeWatchDeps {
  reactor: Reactor | undefined;
  /** Bridges that containers are on, and that are missing now. */
  missing: () => string[];
  /** Whether the name is that of a bridge of ours. */
  isOurs: (name: string) => boolean;
  repair: () => Promise<void>;
  log: Log;
}

/** Several bridges go at once when somebody restarts the host's network. */
const settleMs = 100;

/** Puts bridges back that somebody deleted under running containers. What we delete ourselves has no containers and is not missed. */
export function watchBridges({ reactor, missing, isOurs, repair, log }: BridgeWatchDeps): Disposable {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const react = async (): Promise<void> => {
    const lost = missing();
    if (lost.length === 0) return;
    log.warn(`the bridges of containers were removed by another program: they are made again`, {
      code: 'bridges-repaired',
      bridges: lost.join(' '),
    });
    await repair();
  };
  const see = (name: string | undefined): void => {
    if (name !== undefined && !isOurs(name)) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      react().catch((error: unknown) =>
        log.error('lost bridges could not be made again', { error: toSiloError(error).message }),
      );
    }, settleMs).unref();
  };
  let monitor: Disposable | undefined;
  try {
    monitor = reactor && watchLostLinks(reactor, see);
  } catch (error) {
    log.warn('this kernel does not report lost interfaces; `silo network repair` puts them back', {
      error: toSiloError(error).message,
    });
  }
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      monitor?.[Symbol.dispose]();
    },
  };
}
