import { ownCommand } from './self.ts';

/** How to run the unpacker process. */
export const unpackCommand: string[] = ownCommand({ file: 'unpack', word: '__unpack' });
/** How to run the packer process. */
export const packCommand: string[] = ownCommand({ file: 'pack', word: '__pack' });
/** How to run the helper for files of containers. */
export const filesCommand: string[] = ownCommand({ file: 'files', word: '__files' });

/** How to run the process that measures disk usage. */
export const measureCommand: string[] = ownCommand({ file: 'measure', word: '__measure' });
