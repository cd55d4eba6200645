import { runVolumeHelper } from '../resources/volume/run-volume-helper.ts';

/** The helper for volumes; `resources/volume/volume-process.ts` starts it. */
process.exit(await runVolumeHelper(process.argv.slice(2)));
