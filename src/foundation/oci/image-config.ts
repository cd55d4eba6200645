import { splitPair } from '../base/split-pair.ts';
import { invalid } from '../base/errors.ts';
import { type JsonObject, parseJsonDocument } from './bounded-json.ts';
import { type DiffId, parseDigest } from './digest.ts';
import { manifestLimits } from './manifest.ts';

/** OCI image spec, config.md, with the Docker fields that clients expect. Durations in nanoseconds. */
export interface ImageConfig {
  created?: string;
  author?: string;
  /** Of the Docker that made it; nobody else writes it. */
  docker_version?: string;
  architecture: string;
  os: string;
  'os.version'?: string;
  'os.features'?: string[];
  variant?: string;
  config?: ImageRunConfig;
  rootfs: { type: 'layers'; diff_ids: DiffId[] };
  history?: ImageHistory[];
}

/** What a container of the image inherits; field names as in Docker's configuration JSON. */
export interface ImageRunConfig {
  User?: string;
  ExposedPorts?: Record<string, Record<string, never>>;
  Env?: string[];
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, Record<string, never>>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  ArgsEscaped?: boolean;
  Healthcheck?: ImageHealthcheck;
  OnBuild?: string[];
  Shell?: string[];
}

export interface ImageHealthcheck {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

export interface ImageHistory {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

const entryLimit = 10_000;

/**
 * Reads the configuration of an image with `layers` layers. `null` counts as absent; unknown fields are dropped (the blob keeps
 * them); the number of diff ids must be that of the layers, or the two lists could be paired wrongly.
 */
export function parseImageConfig(bytes: Uint8Array, layers: number): ImageConfig {
  const source = parseJsonDocument(bytes, 'image configuration', manifestLimits.configBytes);
  const rootfs = source.object('rootfs');
  const diffIds = (rootfs?.strings('diff_ids', manifestLimits.layers) ?? []).map(parseDigest);
  if (diffIds.length !== layers)
    throw invalid(
      `image configuration: rootfs.diff_ids has ${diffIds.length} entries, the manifest has ${layers} layers`,
      { code: 'layer-count' },
    );
  const run = source.object('config');
  const history = source.objects('history', entryLimit);
  return {
    // Go's encoder of old builders left the platform out; clients expect the fields.
    architecture: source.string('architecture') ?? '',
    os: source.string('os') ?? '',
    ...defined({
      created: source.string('created'),
      author: source.string('author'),
      docker_version: source.string('docker_version'),
      'os.version': source.string('os.version'),
      'os.features': source.strings('os.features', entryLimit),
      variant: source.string('variant'),
      config: run && readRunConfig(run),
      history: history?.map(readHistory),
    }),
    rootfs: { type: 'layers', diff_ids: diffIds },
  };
}

/** The variables by name; an entry without `=` has an empty value. */
export const environmentOf = (config: ImageRunConfig | undefined): Map<string, string> =>
  new Map(
    (config?.Env ?? []).map((entry) => {
      const [name, value = ''] = splitPair(entry);
      return [name, value];
    }),
  );

function readRunConfig(source: JsonObject): ImageRunConfig {
  const health = source.object('Healthcheck');
  return defined({
    User: source.string('User'),
    ExposedPorts: emptyObjects(source.keys('ExposedPorts', entryLimit)),
    Env: source.strings('Env', entryLimit),
    Entrypoint: source.strings('Entrypoint', entryLimit),
    Cmd: source.strings('Cmd', entryLimit),
    Volumes: emptyObjects(source.keys('Volumes', entryLimit)),
    WorkingDir: source.string('WorkingDir'),
    Labels: source.stringMap('Labels', entryLimit),
    StopSignal: source.string('StopSignal'),
    ArgsEscaped: source.boolean('ArgsEscaped'),
    Healthcheck: health && readHealthcheck(health),
    OnBuild: source.strings('OnBuild', entryLimit),
    Shell: source.strings('Shell', entryLimit),
  });
}

function readHealthcheck(source: JsonObject): ImageHealthcheck {
  return defined({
    Test: source.strings('Test', entryLimit),
    Interval: source.integer('Interval'),
    Timeout: source.integer('Timeout'),
    StartPeriod: source.integer('StartPeriod'),
    StartInterval: source.integer('StartInterval'),
    Retries: source.integer('Retries'),
  });
}

function readHistory(source: JsonObject): ImageHistory {
  return defined({
    created: source.string('created'),
    created_by: source.string('created_by'),
    author: source.string('author'),
    comment: source.string('comment'),
    empty_layer: source.boolean('empty_layer'),
  });
}

function emptyObjects(keys: string[] | undefined): Record<string, Record<string, never>> | undefined {
  return keys && Object.fromEntries(keys.map((key) => [key, {}]));
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
