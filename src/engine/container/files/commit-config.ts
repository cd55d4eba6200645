import { nameOfPair } from '../../../foundation/base/split-pair.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import type { ImageHealthcheck, ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import { applyChanges } from '../../image/compose/changes.ts';
import type { ContainerConfig } from '../config.ts';
import { formatHealthCheck } from '../health/health-check.ts';
import type { CommitRequest } from './files.ts';

/**
 * The configuration of an image that is made from a container: what the request brings (or, when it brings none, the container's own) with the
 * changes applied, then joined with the container's.
 */
export function imageConfigOf(
  container: ContainerConfig,
  base: ImageRunConfig,
  request: Pick<CommitRequest, 'config' | 'changes'>,
): ImageRunConfig {
  const own = runConfigOf(container, base);
  return withoutEmpty(join(applyChanges(request.config ?? own, instructionsOf(request.changes)), own));
}

/** A change may hold several lines. */
function instructionsOf(changes: readonly string[]): string[] {
  const lines = changes.join('\n').replace(/\\\n/g, ' ').split('\n');
  const instructions = lines.filter((line) => !/^\s*(#|$)/.test(line));
  if (changes.length > 0 && instructions.length === 0)
    throw invalid('file with no instructions', { code: 'no-instructions' });
  return instructions;
}

/** The container's part that an image keeps; a health check that it did not override is the image's. */
function runConfigOf(config: ContainerConfig, base: ImageRunConfig): ImageRunConfig {
  const health = config.health ? formatHealthCheck(config.health) : base.Healthcheck;
  return {
    User: config.user,
    ExposedPorts: keysOf(config.exposedPorts),
    Env: config.env,
    ...(config.entrypoint ? { Entrypoint: config.entrypoint } : {}),
    ...(config.command ? { Cmd: config.command } : {}),
    Volumes: keysOf(config.volumes),
    WorkingDir: config.workingDir,
    Labels: config.labels,
    ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
    ...(health ? { Healthcheck: health } : {}),
    ...(config.onBuild ? { OnBuild: config.onBuild } : {}),
    ...(config.shell ? { Shell: config.shell } : {}),
  };
}

const keysOf = (keys: readonly string[]): Record<string, Record<string, never>> =>
  Object.fromEntries(keys.map((key) => [key, {}]));

/** Docker's rules: lists of names are united, single values are the first one that is set, a command does not outlive a new entrypoint. */
function join(first: ImageRunConfig, second: ImageRunConfig): ImageRunConfig {
  const named = new Set((first.Env ?? []).map(nameOfPair));
  const hasEntrypoint = (first.Entrypoint?.length ?? 0) > 0;
  const hasCommand = (first.Cmd?.length ?? 0) > 0;
  return {
    ...second,
    ...first,
    User: first.User || second.User || '',
    WorkingDir: first.WorkingDir || second.WorkingDir || '',
    ExposedPorts: { ...second.ExposedPorts, ...first.ExposedPorts },
    Volumes: { ...second.Volumes, ...first.Volumes },
    Labels: { ...second.Labels, ...first.Labels },
    Env: [...(first.Env ?? []), ...(second.Env ?? []).filter((entry) => !named.has(nameOfPair(entry)))],
    Entrypoint: first.Entrypoint ?? second.Entrypoint ?? null,
    Cmd: (hasEntrypoint || hasCommand ? first.Cmd : second.Cmd) ?? null,
    ...joinHealth(first.Healthcheck, second.Healthcheck),
    StopSignal: first.StopSignal || second.StopSignal || '',
  };
}

function joinHealth(
  first: ImageHealthcheck | undefined,
  second: ImageHealthcheck | undefined,
): Pick<ImageRunConfig, 'Healthcheck'> {
  if (!first && !second) return {};
  const set = Object.entries(first ?? {}).filter(([, value]) => value !== 0);
  const joined: ImageHealthcheck = { ...second, ...Object.fromEntries(set) };
  if (first?.Test?.length === 0 && second?.Test) joined.Test = second.Test;
  return { Healthcheck: joined };
}

/** Fields that say nothing are left out, as encoders of image configurations do. */
function withoutEmpty(config: ImageRunConfig): ImageRunConfig {
  const isEmpty = (value: unknown): boolean =>
    value === null || value === '' || (typeof value === 'object' && Object.keys(value ?? {}).length === 0);
  return Object.fromEntries(
    Object.entries(config).filter(([name, value]) =>
      name === 'Entrypoint' ? value !== null : !isEmpty(value),
    ),
  );
}
