import { faultPoint } from '../../foundation/base/fault.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { SetChange } from '../../foundation/kernel/netlink/nftables-elements.ts';
import {
  compareElements,
  elementsOf,
  renderChange,
  renderTable,
  type Elements,
  type ElementsChange,
  type FirewallPlan,
} from './firewall-rules.ts';
import { toSetChanges } from './port-elements.ts';

/**
 * The one writer of our nftables table. Changes that arrive while a transaction is under way go together into the next one, so fifty containers
 * that start at once cost a few transactions, not fifty.
 */
export interface Firewall {
  /** Applies the change to the plan; resolves when a transaction that holds it is committed. */
  change(edit: (plan: FirewallPlan) => FirewallPlan): Promise<void>;
  /** As `change`, but writes the whole table, whatever the kernel holds. One transaction: packets meet the old table or the new one. */
  rewrite(edit: (plan: FirewallPlan) => FirewallPlan): Promise<void>;
  /** Writes the whole table again, if it was ever written. */
  repair(): Promise<void>;
}

export interface FirewallDeps {
  runNft: (script: string) => Promise<void>;
  /** Published ports come and go without a process; without it nft does that too. */
  changeElements?: (table: string, changes: readonly SetChange[]) => Promise<void>;
  log: Log;
}

export function createFirewall(
  initial: FirewallPlan,
  { runNft, changeElements, log }: FirewallDeps,
): Firewall {
  let plan = initial;
  /** What the kernel holds; undefined until we wrote the table, or when we cannot know. */
  let applied: Elements | undefined;
  let rewrite = false;
  let everWritten = false;
  let pending: Promise<void> | undefined;
  let tail: Promise<void> = Promise.resolve();

  const apply = async (table: string, change: ElementsChange): Promise<void> => {
    const ports = toSetChanges(change);
    if (ports && changeElements) await changeElements(table, ports);
    else await runNft(renderChange(table, change));
  };

  const commit = async (): Promise<void> => {
    const wanted = plan;
    const elements = elementsOf(wanted);
    const known = rewrite ? undefined : applied;
    rewrite = false;
    everWritten = true;
    const change = known && compareElements(known, elements);
    if (change && change.added.size + change.removed.size === 0) return;
    faultPoint('network.firewall.commit');
    if (change !== undefined) {
      try {
        await apply(wanted.table, change);
        applied = elements;
        return;
      } catch (error) {
        // Somebody flushed the rules, or changed our table: make it whole again.
        log.warn('firewall change was refused, writing the whole table', {
          table: wanted.table,
          error: String(error),
        });
      }
    }
    applied = undefined;
    await runNft(renderTable(wanted));
    applied = elements;
  };

  const schedule = (): Promise<void> => {
    pending ??= (() => {
      const run = tail.then(() => {
        pending = undefined;
        return commit();
      });
      tail = run.catch(() => undefined);
      return run;
    })();
    return pending;
  };

  return {
    change(edit) {
      plan = edit(plan);
      return schedule();
    },
    async repair() {
      if (!everWritten) return;
      rewrite = true;
      await schedule();
    },
    rewrite(edit) {
      plan = edit(plan);
      rewrite = true;
      return schedule();
    },
  };
}
