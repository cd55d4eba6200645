import { runMeasure } from '../foundation/kernel/tree-usage-process.ts';

/** The process that measures disk usage; `foundation/kernel/tree-usage-process.ts` starts it. */
process.exit(runMeasure(process.argv.slice(2)));
