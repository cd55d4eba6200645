/*
 * Beside the file that the monitor writes (`container.log`) are, in the same folder:
 *   container.log.live     second link to the present file: the monitor's rename cannot destroy it
 *   container.log.N        a full segment, N counts up
 *   container.log.N.zst    the same, compressed
 *   *.part                 being written; of no meaning after a crash
 */
export const liveName = (log: string): string => `${log}.live`;
export const segmentName = (log: string, number: number): string => `${log}.${number}`;
export const archiveName = (log: string, number: number): string => `${log}.${number}.zst`;
export const partName = (log: string, number: number): string => `${log}.${number}.zst.part`;

export interface SegmentNames {
  /** Numbers of full segments, ascending, and in which forms each is there. */
  segments: { number: number; plain: boolean; archived: boolean }[];
  parts: string[];
}

/** Sorts the names of a folder; `log` is the name of the monitor's file. */
export function sortNames(log: string, names: readonly string[]): SegmentNames {
  const found = new Map<number, { number: number; plain: boolean; archived: boolean }>();
  const parts: string[] = [];
  for (const name of names) {
    if (!name.startsWith(`${log}.`)) continue;
    const match = /^\.(\d{1,15})(\.zst)?(\.part)?$/.exec(name.slice(log.length));
    if (!match) continue;
    if (match[3] !== undefined) {
      parts.push(name);
      continue;
    }
    const number = Number(match[1]);
    const entry = found.get(number) ?? { number, plain: false, archived: false };
    if (match[2] === undefined) entry.plain = true;
    else entry.archived = true;
    found.set(number, entry);
  }
  return { segments: [...found.values()].toSorted((a, b) => a.number - b.number), parts };
}
