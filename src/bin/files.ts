import { runFilesHelper } from '../engine/container/files/helper.ts';

/** The helper for files of containers; `engine/container/files/helper-process.ts` starts it. */
process.exit(await runFilesHelper(process.argv.slice(2)));
