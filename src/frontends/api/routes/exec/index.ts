import type { Engine } from '../../../../engine/host/engine.ts';
import type { Route } from '../../call.ts';
import { createExec } from './create.ts';
import { inspectExec } from './inspect.ts';
import { resizeExec } from './resize.ts';
import { startExec } from './start.ts';

export function execRoutes(engine: Engine): Route[] {
  return [createExec(engine), startExec(engine), resizeExec(engine), inspectExec(engine)];
}
