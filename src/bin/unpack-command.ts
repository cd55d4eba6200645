import { ownCommand } from './self.ts';

/** How to run the unpacker process. */
export const unpackCommand: string[] = ownCommand({ file: 'unpack', word: '__unpack' });
