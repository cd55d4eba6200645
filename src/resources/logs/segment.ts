import type { TimedBlock } from './time-range.ts';

/** One open segment: it stays readable however the names around it change. */
export interface SegmentFile extends Disposable {
  /** Inode of the file that the monitor wrote, also when this is its compressed form. */
  readonly inode: number;
  /** The compressed form. The inode that it names may be that of another file by now. */
  readonly isArchive: boolean;
  /** Bytes of text that are there now. */
  size(): Promise<number>;
  /** From `position` on; fewer bytes only at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  /** Times of all whole lines up to `size`, in order. The first call may have to read them; what was read once is remembered. */
  times(size: number): Promise<readonly TimedBlock[]>;
}
