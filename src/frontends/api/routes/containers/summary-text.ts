import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ContainerNetwork, ContainerRecord } from '../../../../engine/container/container.ts';
import { isRunning } from '../../../../engine/container/state.ts';
import { toContainerSummary } from '../../translate/container-summary.ts';
import { statusText } from '../../translate/container-state.ts';

type View = Parameters<typeof toContainerSummary>[1];

/** The line of a record that does not run changes by its status text ("3 days ago") and its image's name only. */
interface Kept {
  imageName: string;
  before: string;
  after: string;
}

/** A record that changes is another object. */
const kept = new WeakMap<ContainerRecord, Kept>();
const mark = randomUUID();

/** A few milliseconds of work. */
const sliceRecords = 500;

export type RecordView = Omit<View, 'network'> & { network: ContainerNetwork };

/** The answer of `ps` as text, made in slices between which others are served. Records without a view (they are gone) are left out. */
export async function summariesText(
  records: readonly ContainerRecord[],
  viewOf: (record: ContainerRecord) => RecordView | undefined,
): Promise<string> {
  const parts: string[] = [];
  for (const [index, record] of records.entries()) {
    if (index % sliceRecords === sliceRecords - 1) await nextTurn();
    const view = viewOf(record);
    if (view) parts.push(summaryText(record, view));
  }
  return `[${parts.join(',')}]`;
}

export function summaryText(record: ContainerRecord, view: RecordView): string {
  if (isRunning(record.state) || view.size || view.network.networks.length > 0)
    return JSON.stringify(toContainerSummary(record, view));
  let lines = kept.get(record);
  if (lines?.imageName !== view.imageName) {
    const text = JSON.stringify({ ...toContainerSummary(record, view), Status: mark });
    const place = text.indexOf(mark);
    lines = {
      imageName: view.imageName,
      before: text.slice(0, place),
      after: text.slice(place + mark.length),
    };
    kept.set(record, lines);
  }
  return lines.before + statusText(record, view.nowMs) + lines.after;
}
