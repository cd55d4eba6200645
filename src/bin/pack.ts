import { runPack } from '../foundation/archive/pack.ts';

/** The packer process; `foundation/archive/pack-process.ts` starts it. */
process.exit(await runPack(process.argv.slice(2)));
