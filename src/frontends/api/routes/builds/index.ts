import type { Engine } from '../../../../engine/host/engine.ts';
import type { Route } from '../../call.ts';
import { inspectBuild, listBuilds, removeBuild, showBuildLog } from './history.ts';
import { openBuildSession } from './session.ts';

export function buildRoutes(engine: Engine): Route[] {
  return [
    openBuildSession(engine),
    listBuilds(engine),
    inspectBuild(engine),
    removeBuild(engine),
    showBuildLog(engine),
  ];
}
