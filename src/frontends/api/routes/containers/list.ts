import type { ContainerRecord } from '../../../../engine/container/container.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { isRunning } from '../../../../engine/container/state.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import { ok, type Route } from '../../call.ts';
import { parseFilters } from '../../input/filters.ts';
import { queryFlag, queryInteger } from '../../input/query.ts';
import { containerFilterNames, createContainerFilter, showsStopped } from '../../input/container-filters.ts';
import { createImageNamer } from '../../translate/image-namer.ts';
import { type ContainerSize, toContainerSummary } from '../../translate/container-summary.ts';

export type ListEngine = {
  containers: Pick<Engine['containers'], 'list' | 'get' | 'networkOf' | 'sizeOf'>;
  images: Pick<Engine['images'], 'resolve'>;
};

/** `ps`: newest first; without `all` only those that run, unless a filter asks for a state. */
export function listContainers(engine: ListEngine): Route {
  return {
    method: 'GET',
    path: '/containers/json',
    async handle({ query }) {
      const filters = parseFilters(query, containerFilterNames);
      const limit = queryInteger(query, 'limit') ?? -1;
      const isWanted = createContainerFilter(filters, engine);
      const all = queryFlag(query, 'all') || limit > 0 || showsStopped(filters);
      const found = engine.containers
        .list()
        .filter(
          (record) =>
            (all || isRunning(record.state) || record.state.status === 'restarting') && isWanted(record),
        )
        .toSorted(newestFirst);
      const shown = limit > 0 ? found.slice(0, limit) : found;
      return ok(await summarize(engine, shown, { sizes: queryFlag(query, 'size') }));
    },
  };
}

/** Also what `system/df` shows. */
export async function summarize(
  engine: Pick<ListEngine, 'images'> & { containers: Pick<Engine['containers'], 'networkOf' | 'sizeOf'> },
  records: readonly ContainerRecord[],
  options: { sizes: boolean },
): Promise<ReturnType<typeof toContainerSummary>[]> {
  const nowMs = Date.now();
  const nameOf = createImageNamer(engine.images);
  const sizes = new Map<string, ContainerSize>();
  for (const { id } of options.sizes ? records : []) {
    const size = await engine.containers.sizeOf(id).catch(ignoreGone);
    if (size) sizes.set(id, size);
  }
  return records.map((record) => {
    const size = sizes.get(record.id);
    return toContainerSummary(record, {
      network: engine.containers.networkOf(record.id),
      imageName: nameOf(record),
      nowMs,
      ...(size ? { size } : {}),
    });
  });
}

/** A container may be removed while others are measured. */
function ignoreGone(error: unknown): undefined {
  if (!isKind(error, 'not-found')) throw error;
}

function newestFirst(a: ContainerRecord, b: ContainerRecord): number {
  return b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1);
}
