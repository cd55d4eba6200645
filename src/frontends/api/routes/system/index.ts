import type { Engine } from '../../../../engine/host/engine.ts';
import type { Route } from '../../call.ts';
import type { BuildVersion } from '../../translate/system-json.ts';
import { checkCredentials } from './auth.ts';
import { diskUsage } from './df.ts';
import { showDisk } from './disk.ts';
import { checkDisk } from './fsck.ts';
import { streamEvents } from './events.ts';
import { showInfo } from './info.ts';
import { ping } from './ping.ts';
import { runtimeRoutes } from './runtimes.ts';
import { auditSecurity, showReach } from './security.ts';
import { unsupportedRoutes } from './unsupported.ts';
import { showVersion } from './version.ts';

export function systemRoutes(engine: Engine, build: BuildVersion): Route[] {
  return [
    ping('GET'),
    ping('HEAD'),
    showVersion(engine, build),
    showInfo(engine, build),
    checkCredentials(engine),
    diskUsage(engine),
    showDisk(engine),
    checkDisk(engine),
    auditSecurity(engine),
    showReach(engine),
    ...runtimeRoutes(engine),
    streamEvents(engine),
    ...unsupportedRoutes(),
  ];
}
