import type { Engine } from '../../../../engine/host/engine.ts';
import type { Route } from '../../call.ts';
import { openBuildSession } from './session.ts';

export function buildRoutes(engine: Engine): Route[] {
  return [openBuildSession(engine)];
}
