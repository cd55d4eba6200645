import { toSiloError } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { NetlinkMonitor } from '../../foundation/kernel/netlink/monitor.ts';
import { watchNftables, type NftablesEvent } from '../../foundation/kernel/netlink/nftables-events.ts';
import { changeElements, type SetChange } from '../../foundation/kernel/netlink/nftables-elements.ts';
import { openNetfilterSocket, type RouteSocket } from '../../foundation/kernel/netlink/socket.ts';
import type { Reactor } from '../../foundation/kernel/reactor.ts';
import { mirrorPrefix } from './host-input.ts';

/**
 * Sees what others do to the rules of this host: whoever reloads a firewall flushes ours with it. The kernel reports every change; our own
 * transactions are told from those of others by the process that wrote them.
 */
export interface FirewallWatch extends Disposable {
  /** Our transactions pass through here. */
  write(script: string): Promise<void>;
  /** The same for elements of sets, without a process. */
  changeElements(table: string, changes: readonly SetChange[]): Promise<void>;
}

export interface FirewallWatchDeps {
  table: string;
  reactor: Reactor | undefined;
  runNft: (script: string, onStart?: (pid: number) => void) => Promise<void>;
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
  const writers = new Set<number>();
  let socket: RouteSocket | undefined;
  let socketPort: number | undefined;
  let damaged = false;
  let foreign = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
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
  const see = ({ table: name, type, by }: NftablesEvent): void => {
    if (by !== undefined && (by === socketPort || writers.has(by))) return;
    if (name === undefined) {
      // While we write it is ours that was too much to be told; writing it again would be too.
      damaged ||= writers.size === 0;
      foreign = true;
    } else if (isOurs(name)) {
      damaged ||= type === 'delete' || (type === 'delete-table' && name === table);
      foreign ||= type === 'delete-table';
    } else foreign ||= type.endsWith('-table') || type === 'new-chain' || concerns(name);
    if (damaged || foreign) reactLater();
  };

  let monitor: NetlinkMonitor | undefined;
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
      let writer = 0;
      try {
        await runNft(script, (pid) => {
          writer = pid;
          writers.add(pid);
        });
      } finally {
        // What it did was reported before it ended.
        monitor?.drain();
        writers.delete(writer);
      }
    },
    async changeElements(name, changes) {
      socket ??= openNetfilterSocket();
      socketPort ??= socket.asyncPort();
      await changeElements(socket, name, changes);
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      monitor?.[Symbol.dispose]();
      socket?.[Symbol.dispose]();
    },
  };
}
