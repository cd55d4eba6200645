import type { Engine } from '../../../../engine/host/engine.ts';
import type { PinnedRuntime } from '../../../../engine/host/pinned-runtimes.ts';
import type { PinnedRuntimeJson } from '../../../../foundation/wire/silo/runtimes.ts';
import { created, noContent, ok, type Route } from '../../call.ts';
import { queryFlag, queryText } from '../../input/query.ts';

type Runtimes = { runtimes: Engine['runtimes'] };

/** Ours: OCI runtimes that are kept below the data root; the body is the program itself. */
export const runtimeRoutes = ({ runtimes }: Runtimes): Route[] => [
  {
    method: 'GET',
    path: '/silo/runtimes',
    handle: async () => ok((await runtimes.list()).map(toJson)),
  },
  {
    method: 'POST',
    path: '/silo/runtimes/{name}',
    async handle(call) {
      const { query, exchange } = call;
      const digest = queryText(query, 'digest');
      const options = { force: queryFlag(query, 'force'), ...(digest === undefined ? {} : { digest }) };
      return created(toJson(await runtimes.install(call.param('name'), exchange.body, options)));
    },
  },
  {
    method: 'DELETE',
    path: '/silo/runtimes/{name}',
    async handle(call) {
      await runtimes.remove(call.param('name'));
      return noContent;
    },
  },
];

const toJson = (pinned: PinnedRuntime): PinnedRuntimeJson => ({
  Name: pinned.name,
  Program: pinned.program,
  Version: pinned.version,
  Digest: pinned.digest,
  Size: pinned.sizeBytes,
  InstalledAt: new Date(pinned.installedAtMs).toISOString(),
});
