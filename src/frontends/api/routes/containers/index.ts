import type { Engine } from '../../../../engine/host/engine.ts';
import type { Route } from '../../call.ts';
import { readContainerArchive } from './archive/read.ts';
import { statContainerPath } from './archive/stat.ts';
import { writeContainerArchive } from './archive/write.ts';
import { attachContainer } from './attach.ts';
import { attachContainerByWebSocket } from './attach-websocket.ts';
import { listContainerChanges } from './changes.ts';
import { createContainer } from './create.ts';
import { exportContainer } from './export.ts';
import { inspectContainer } from './inspect.ts';
import { killContainer } from './kill.ts';
import { listContainers } from './list.ts';
import { readContainerLogs } from './logs.ts';
import { pauseContainer } from './pause.ts';
import { pruneContainers } from './prune.ts';
import { removeContainer } from './remove.ts';
import { renameContainer } from './rename.ts';
import { resizeContainer } from './resize.ts';
import { restartContainer } from './restart.ts';
import { startContainer } from './start.ts';
import { streamStats } from './stats.ts';
import { stopContainer } from './stop.ts';
import { topContainer } from './top.ts';
import { unpauseContainer } from './unpause.ts';
import { updateContainer } from './update.ts';
import { waitContainer } from './wait.ts';

export function containerRoutes(engine: Engine): Route[] {
  return [
    listContainers(engine),
    createContainer(engine),
    pruneContainers(engine),
    inspectContainer(engine),
    startContainer(engine),
    stopContainer(engine),
    restartContainer(engine),
    killContainer(engine),
    pauseContainer(engine),
    unpauseContainer(engine),
    renameContainer(engine),
    updateContainer(engine),
    waitContainer(engine),
    attachContainer(engine),
    attachContainerByWebSocket(engine),
    resizeContainer(engine),
    readContainerLogs(engine),
    topContainer(engine),
    streamStats(engine),
    listContainerChanges(engine),
    exportContainer(engine),
    statContainerPath(engine),
    readContainerArchive(engine),
    writeContainerArchive(engine),
    removeContainer(engine),
  ];
}
