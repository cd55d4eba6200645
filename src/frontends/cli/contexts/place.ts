import { dirname, join } from 'node:path';
import { configPath } from '../credentials/config-path.ts';
import type { CliIo } from '../io.ts';

/** Docker's folder of contexts: both clients see the same ones. */
export const contextsFolder = (env: CliIo['env']): string => join(dirname(configPath(env)), 'contexts');

/** Holds the name that `silo context use` chose. */
export const currentContextPath = (env: CliIo['env']): string => join(contextsFolder(env), 'silo-current');
