import type { ContainerRecord } from '../../../engine/container/container.ts';
import type { Engine } from '../../../engine/host/engine.ts';
import { isRunning } from '../../../engine/container/state.ts';
import { invalid, isKind } from '../../../foundation/base/errors.ts';
import { networkModeOf } from '../translate/container-network.ts';
import { healthWord, statusWord } from '../translate/container-state.ts';
import { badFilterValue, booleanFilter, type Filters, matchesAny, matchesLabels } from './filters.ts';
import { compileNamePattern } from './name-pattern.ts';

export const containerFilterNames: readonly string[] = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

const statusWords = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

export interface FilterSources {
  containers: Pick<Engine['containers'], 'get' | 'list' | 'networkOf'>;
  images: Pick<Engine['images'], 'resolve'>;
}

/** Who asks for a state sees stopped containers without `all`; the real engine does so for no other filter. */
export function showsStopped(filters: Filters): boolean {
  return filters.has('status');
}

/** One test of a container for all filters; values are checked here, with Docker's texts. */
export function createContainerFilter(
  filters: Filters,
  sources: FilterSources,
): (record: ContainerRecord) => boolean {
  checkValues(filters);
  const names = (filters.get('name') ?? []).map(compileNamePattern);
  const isDefault = booleanFilter(filters, 'is-task') !== true;
  const exited = filters.get('exited')?.map(parseExitCode);
  const isOnNetwork = networkFilter(filters, sources);
  const inOrder = orderFilter(filters, sources);
  const isDescendant = ancestorFilter(filters, sources);
  const hasPort = portFilter(filters, sources);
  return (record) =>
    (names.length === 0 || names.some((matches) => matches(record.name) || matches(`/${record.name}`))) &&
    matchesAny(filters, 'id', (prefix) => record.id.startsWith(prefix)) &&
    matchesLabels(filters, record.config.labels) &&
    matchesAny(filters, 'status', (word) => word === statusWord(record)) &&
    (exited === undefined || (record.state.status === 'exited' && exited.includes(record.state.exitCode))) &&
    matchesAny(filters, 'health', (word) => word === healthWord(record)) &&
    isDefault &&
    matchesAny(filters, 'volume', (word) => usesVolume(record, word)) &&
    inOrder(record) &&
    isDescendant(record) &&
    isOnNetwork(record) &&
    hasPort(record);
}

function checkValues(filters: Filters): void {
  for (const word of filters.get('status') ?? [])
    if (!statusWords.includes(word)) throw badFilterValue('status', word);
  for (const word of filters.get('health') ?? [])
    if (!['starting', 'healthy', 'unhealthy', 'none'].includes(word))
      throw invalid(`unrecognized filter value for health: ${word.slice(0, 80)}`, { code: 'bad-filter' });
}

function parseExitCode(word: string): number {
  if (!/^-?\d{1,10}$/.test(word))
    throw badFilterValue(
      'exited',
      word,
      `strconv.Atoi: parsing ${JSON.stringify(word.slice(0, 80))}: invalid syntax`,
    );
  return Number(word);
}

function usesVolume(record: ContainerRecord, word: string): boolean {
  return record.mounts.some(({ name, source, destination }) => [name, source, destination].includes(word));
}

/** In the order of creation, which a clock that jumps does not change. */
function orderFilter(filters: Filters, { containers }: FilterSources): (record: ContainerRecord) => boolean {
  if (!filters.has('before') && !filters.has('since')) return () => true;
  // Newest first.
  const places = new Map(containers.list().map(({ id }, index) => [id, index]));
  const placesOf = (name: string): number[] =>
    (filters.get(name) ?? []).map((other) => places.get(containers.get(other).id) ?? 0);
  const before = placesOf('before');
  const since = placesOf('since');
  return ({ id }) => {
    const own = places.get(id) ?? 0;
    return before.every((place) => own > place) && since.every((place) => own < place);
  };
}

/** Containers of the image, or of images whose lowest layers are all of the image's. */
function ancestorFilter(filters: Filters, { images }: FilterSources): (record: ContainerRecord) => boolean {
  const wanted = filters.get('ancestor');
  if (wanted === undefined) return () => true;
  const ancestors = wanted.flatMap((name) => {
    try {
      return [images.resolve(name)];
    } catch (error) {
      if (isKind(error, 'internal')) throw error;
      return [];
    }
  });
  return (record) =>
    ancestors.some(({ id, layers }) => {
      const top = layers.at(-1);
      return record.imageId === id || (top !== undefined && record.layers[layers.length - 1] === top);
    });
}

function networkFilter(
  filters: Filters,
  { containers }: FilterSources,
): (record: ContainerRecord) => boolean {
  const wanted = filters.get('network');
  if (wanted === undefined) return () => true;
  return (record) =>
    wanted.includes(networkModeOf(record.config)) ||
    containers
      .networkOf(record.id)
      .networks.some(
        ({ name, networkId }) =>
          wanted.includes(name) || wanted.some((id) => networkId.startsWith(id) && id !== ''),
      );
}

/** Running containers with one of the host's (`publish`) or their own (`expose`) ports: `80`, `80/udp`, `8000-8010/tcp`. */
function portFilter(filters: Filters, { containers }: FilterSources): (record: ContainerRecord) => boolean {
  const ranges = (name: 'publish' | 'expose') =>
    (filters.get(name) ?? []).map((word) => parseRange(name, word));
  const published = ranges('publish');
  const exposed = ranges('expose');
  if (published.length + exposed.length === 0) return () => true;
  const inRange = (list: PortRange[], port: number, protocol: string): boolean =>
    list.some((range) => range.protocol === protocol && port >= range.first && port <= range.last);
  return (record) =>
    isRunning(record.state) &&
    (containers
      .networkOf(record.id)
      .ports.some(({ hostPort, protocol }) => inRange(published, hostPort, protocol)) ||
      record.config.exposedPorts.some((key) =>
        inRange(exposed, Number.parseInt(key, 10), key.split('/')[1] ?? 'tcp'),
      ));
}

interface PortRange {
  first: number;
  last: number;
  protocol: string;
}

function parseRange(filter: string, word: string): PortRange {
  const wrong = (why: string): Error =>
    invalid(`error while looking up for ${filter} ${word.slice(0, 80)}: ${why}`, { code: 'bad-filter' });
  const [ports = '', protocol = 'tcp'] = word.split('/', 2);
  if (ports === '') throw wrong('Empty string specified for ports.');
  const [first = 0, last = first] = ports.split('-', 2).map((port) => {
    const cause = /^\d+$/.test(port) ? 'value out of range' : 'invalid syntax';
    if (cause === 'invalid syntax' || Number(port) > 65_535)
      throw wrong(`strconv.ParseUint: parsing ${JSON.stringify(port.slice(0, 80))}: ${cause}`);
    return Number(port);
  });
  if (last < first) throw wrong(`Invalid range specified for the Port: ${ports.slice(0, 80)}`);
  return { first, last, protocol };
}
