import type { HelperCommands } from '../engine/host/open-engine.ts';
import { ownCommand } from './self.ts';

/** How to run the processes of this program that help the engine. */
export const helperCommands: HelperCommands = {
  unpack: ownCommand({ file: 'unpack', word: '__unpack' }),
  pack: ownCommand({ file: 'pack', word: '__pack' }),
  files: ownCommand({ file: 'files', word: '__files' }),
  measure: ownCommand({ file: 'measure', word: '__measure' }),
  volume: ownCommand({ file: 'volume', word: '__volume' }),
  resolver: ownCommand({ file: 'resolver', word: '__resolver' }),
};
