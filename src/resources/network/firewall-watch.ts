import { toSiloError } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import {
  watchNftables,
  type NftablesEvent,
  type NftablesMonitor,
} from '../../foundation/kernel/netlink/nftables-events.ts';
import type { Reactor } from '../../foundation/kernel/reactor.ts';
import { mirrorPrefix } from './host-input.ts';

/**
 * Sees what others do to the rules of this host: whoever reloads a firewall flushes ours with it. The kernel reports every change; our own
 * transactions are told from those of others by the time between the start and the end of the program that writes them.
 */
export interface FirewallWatch extends Disposable {
  /** Our transactions pass through here. */
  write(script: string): Promise<void>;
}

export interface FirewallWatchDeps {
  table: string;
  reactor: Reactor | undefined;
  runNft: (script: string) => Promise<void>;
  /** Our rules are not what we wrote. */
  onDamage: () => Promise<void>;
  /** Whether elements and rules in this table matter; tables and chains that come and go always do. */
  concerns: (table: string) => boolean;
  /** Rules of others changed. */
  onForeignChange: () => Promise<void>;
  log: Log;
}

/** A reload comes as several transactions: one answer to all of them. */
const settleMs = 100;

export function watchFirewall(deps: FirewallWatchDeps): FirewallWatch {
  const { table, reactor, runNft, onDamage, onForeignChange, concerns, log } = deps;
  let writing = 0;
  let damaged = false;
  let foreign = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const gone = new Set<string>();
  const isOurs = (name: string): boolean => name === table || name.startsWith(mirrorPrefix(table));

  const react = async (): Promise<void> => {
    const work = { damaged, foreign };
    damaged = foreign = false;
    if (work.damaged) {
      log.warn(
        'the firewall rules of this engine were removed or changed by another program: they are written again',
        {
          code: 'rules-repaired',
          table,
        },
      );
    }
    // The host's word first: our ports must not stand open until it is heard again.
    await onForeignChange();
    if (work.damaged) await onDamage();
  };
  const reactLater = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      react().catch((error: unknown) =>
        log.error('the firewall rules could not be repaired', { error: toSiloError(error).message }),
      );
    }, settleMs);
    timer.unref();
  };
  const see = ({ table: name, type }: NftablesEvent): void => {
    if (name !== undefined && !isOurs(name))
      foreign ||= type.endsWith('-table') || type === 'new-chain' || concerns(name);
    else if (name === undefined) damaged = foreign = true;
    else if (type === 'delete-table') gone.add(name);
    else if (type === 'new-table') gone.delete(name);
    else if (type === 'delete' && writing === 0) damaged = true;
    if (writing === 0) settle();
  };
  /** A table of ours that is gone when nobody of us writes was taken away by somebody else. */
  const settle = (): void => {
    if (gone.has(table)) damaged = true;
    if (gone.size > 0) foreign = true;
    gone.clear();
    if (damaged || foreign) reactLater();
  };

  let monitor: NftablesMonitor | undefined;
  try {
    monitor = reactor && watchNftables(reactor, see);
  } catch (error) {
    log.warn(
      'changes of the firewall rules are not reported by this kernel; `silo network repair` writes ours again',
      {
        error: toSiloError(error).message,
      },
    );
  }
  return {
    async write(script) {
      monitor?.drain();
      writing++;
      try {
        await runNft(script);
      } finally {
        monitor?.drain();
        writing--;
        if (writing === 0) settle();
      }
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      monitor?.[Symbol.dispose]();
    },
  };
}
