import type { Bootstrap } from '../image.ts';
import type { RootfsImage } from '../compose/rootfs-image.ts';

/** A root file system that is being made from what the machine has. Disposing removes what the making left. */
export interface Rootfs extends AsyncDisposable {
  image: Omit<RootfsImage, 'reference' | 'signal' | 'onProgress'>;
  /** Resolves when all of the tar was good; rejects with why not, such as a failed program. */
  finished: Promise<void>;
  /** The name that the image gets by default. */
  name: string;
}

/** How the making is told and stopped. */
export type MakeOptions = Pick<
  Parameters<Bootstrap['bootstrap']>[0],
  'onLine' | 'onProgress' | 'signal' | 'verbose'
>;
