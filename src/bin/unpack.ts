import { runUnpack } from '../foundation/archive/unpack.ts';

/** The unpacker process; `foundation/archive/unpack-process.ts` starts it. */
process.exit(await runUnpack(process.argv.slice(2)));
