import type { ContainerNetwork, ContainerRecord } from '../../../../engine/container/container.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { isRunning } from '../../../../engine/container/state.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import type { Route } from '../../call.ts';
import { parseFilters } from '../../input/filters.ts';
import { queryFlag, queryInteger } from '../../input/query.ts';
import { containerFilterNames, createContainerFilter, showsStopped } from '../../input/container-filters.ts';
import { createImageNamer } from '../../translate/image-namer.ts';
import { type ContainerSize, toContainerSummary } from '../../translate/container-summary.ts';
import { type RecordView, summariesText } from './summary-text.ts';

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
        );
      const shown = limit > 0 ? found.slice(0, limit) : found;
      const viewOf = await createView(engine, shown, { sizes: queryFlag(query, 'size') });
      return { status: 200, jsonText: await summariesText(shown, viewOf) };
    },
  };
}

/** Also what `system/df` shows. */
export async function summarize(
  engine: SummaryEngine,
  records: readonly ContainerRecord[],
  options: { sizes: boolean },
): Promise<ReturnType<typeof toContainerSummary>[]> {
  const viewOf = await createView(engine, records, options);
  return records.flatMap((record) => {
    const view = viewOf(record);
    return view ? [toContainerSummary(record, view)] : [];
  });
}

type SummaryEngine = Pick<ListEngine, 'images'> & {
  containers: Pick<Engine['containers'], 'networkOf' | 'sizeOf'>;
};

async function createView(
  engine: SummaryEngine,
  records: readonly ContainerRecord[],
  options: { sizes: boolean },
): Promise<(record: ContainerRecord) => RecordView | undefined> {
  const nowMs = Date.now();
  const nameOf = createImageNamer(engine.images);
  const sizes = new Map<string, ContainerSize>();
  for (const { id } of options.sizes ? records : []) {
    const size = await engine.containers.sizeOf(id).catch(ignoreGone);
    if (size) sizes.set(id, size);
  }
  return (record) => {
    const size = sizes.get(record.id);
    const network = networkOf(engine, record.id);
    return network && { network, imageName: nameOf(record), nowMs, ...(size ? { size } : {}) };
  };
}

function networkOf({ containers }: SummaryEngine, id: ContainerRecord['id']): ContainerNetwork | undefined {
  try {
    return containers.networkOf(id);
  } catch (error) {
    return ignoreGone(error);
  }
}

/** A container may be removed while others are measured. */
function ignoreGone(error: unknown): undefined {
  if (!isKind(error, 'not-found')) throw error;
}
