import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { invalid, isKind, notFound, toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import { formatPlatform, normalizePlatform, parsePlatform } from '../../../foundation/oci/platform.ts';
import { type ContainerId, parseContainerId, randomHexId, shortId } from '../../../foundation/base/ids.ts';
import type { ChainId } from '../../../foundation/oci/digest.ts';
import type { NetworkInfo } from '../../../resources/network/network.ts';
import type { ImageRecord } from '../../image/image.ts';
import { checkFirstPlace } from '../network/check-place.ts';
import type { ContainerConfig } from '../config.ts';
import type { ContainerLifecycle, ContainerRecord, CreateRequest } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { volumesFor } from '../mounts/anonymous-volumes.ts';
import { resolveLinks } from '../network/link-containers.ts';
import { commandLine, mergeImage } from './merge-image.ts';
import { hasTest } from '../health/health-check.ts';
import { resolveMounts } from '../mounts/mounts.ts';
import { checkLogConfig, mergeLogConfig } from '../../../resources/logs/log-config.ts';
import { parseContainerName, randomContainerName } from './names.ts';
import { usesNetwork } from '../network/places.ts';
import { limitWarnings } from './limits.ts';
import { resolveSecurity } from '../spec/security.ts';
import { applyPreset } from '../spec/security-preset.ts';
import { socketWarnings } from '../mounts/engine-sockets.ts';
import { seedVolumes } from '../mounts/seed-volumes.ts';
import { parseSignal } from '../life/signals.ts';
import { uncommonOwners, userNamespaceWarnings } from '../userns/choose.ts';

/**
 * Makes a container: files first, then the row in the database, which is the moment from which it exists. A crash before leaves files that the sweep at
 * start removes; an error undoes them at once.
 */
export const createCreate =
  (context: Context): ContainerLifecycle['create'] =>
  (request) =>
    context.commits.run(() => create(context, request));

async function create(context: Context, request: CreateRequest): ReturnType<ContainerLifecycle['create']> {
  await context.loopTurns.take();
  const id = parseContainerId(randomHexId());
  const chosen = chooseImage(context, request);
  const image = chosen.form === 'unpacked' ? chosen : await context.images.unpack(chosen.id);
  using name = reserve(context, request, id);
  const { config: settled, warnings } = settle(context, request, image, id);
  const [path, ...args] = commandLine(settled);
  if (path === undefined)
    throw invalid('no command specified', {
      code: 'no-command',
      hint: 'the image names no program: give one after the image, or with --entrypoint',
    });
  const config = withIds(context, settled);
  checkReferences(context, config);
  await using undo = new AsyncDisposableStack();
  const held = new Set<string>();
  const making = { imageIds: new Set([image.id]), mountedLayers: new Set<ChainId>(), volumes: held };
  context.creating.set(id, { ...making, layers: image.layers });
  undo.defer(() => void context.creating.delete(id));
  const mounts = await resolveMounts(config, {
    volumes: volumesFor(context, undo, held),
    containerOf: (name) => referenced(context, name),
    imageOf(name) {
      const mounted = mountedImage(context, name);
      making.imageIds.add(mounted.id);
      for (const layer of mounted.layers) making.mountedLayers.add(layer);
      return mounted;
    },
    engineFolders: context.settings.engineFolders,
  });
  warnings.push(...(await socketWarnings(mounts, context.settings.engineFolders)));
  faultPoint('container.create.volumes');
  await context.snapshots.create(id, image.layers);
  undo.defer(() => context.snapshots.remove(id));
  faultPoint('container.create.snapshot');
  const directory = join(context.settings.containersDirectory, id);
  mkdirSync(directory, { mode: 0o700 });
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  faultPoint('container.create.directory');
  const record: ContainerRecord = {
    id,
    name: name.text,
    createdAtMs: context.now(),
    config,
    imageId: image.id,
    imageName: request.config.image,
    layers: image.layers,
    path,
    args,
    state: { status: 'created' },
    restartCount: 0,
    error: '',
    logPath: join(directory, 'container.log'),
    runtimeName: config.runtimeName ?? context.settings.defaultRuntime,
    mounts,
  };
  warnings.push(...userNamespaceWarnings(context, record), ...(await uncommonOwners(context, record)));
  await seedVolumes(context, record);
  context.store.insert(record);
  undo.defer(() => context.store.remove(id));
  faultPoint('container.create.inserted');
  if (request.isPassing) context.live.of(id).isPassing = true;
  else await context.store.durable();
  undo.move();
  context.creating.delete(id);
  faultPoint('container.create.recorded');
  publish(context, record, 'create');
  return { id, warnings };
}

function reserve(context: Context, request: CreateRequest, id: ContainerId): Disposable & { text: string } {
  if (request.name !== undefined && request.name !== '') {
    const text = parseContainerName(request.name);
    return { text, ...context.store.reserveName(text, id) };
  }
  for (let attempt = 0; ; attempt++) {
    const text = randomContainerName(attempt);
    try {
      return { text, ...context.store.reserveName(text, id) };
    } catch (error) {
      if (!isKind(error, 'conflict')) throw error;
    }
  }
}

/** The configuration as it will be kept: image defaults, host name, limits that this machine can give. */
function settle(
  context: Context,
  request: CreateRequest,
  image: ImageRecord,
  id: ContainerId,
): { config: ContainerConfig; warnings: string[] } {
  const merged = applyPreset(
    mergeImage(request.config, image.config.config ?? {}),
    context.settings.security.preset,
  );
  if (merged.stopSignal !== undefined) parseSignal(merged.stopSignal);
  if (merged.workingDir !== '' && !merged.workingDir.startsWith('/'))
    throw invalid(
      `the working directory '${merged.workingDir}' is invalid, it needs to be an absolute path`,
      { code: 'working-directory' },
    );
  const usesHostName = merged.network.mode === 'host' || merged.namespaces.uts === 'host';
  const name = merged.hostname || (usesHostName ? hostname() : shortId(id));
  checkFailureAction(merged);
  const network = { ...merged.network, endpoints: settlePlaces(context, merged.network) };
  return {
    config: { ...merged, network, hostname: name, log: mergeLogConfig(merged.log, context.settings.log) },
    warnings: limitWarnings(merged, context.settings),
  };
}

/** Networks that exist are kept by name, however they were asked for; the others may come until the start. */
function settlePlaces(
  { networks }: Pick<Context, 'networks'>,
  { mode, endpoints }: ContainerConfig['network'],
): ContainerConfig['network']['endpoints'] {
  const places = Object.entries(endpoints).map(([word, request]) => {
    const network = findByWord(networks, word);
    const name = network?.name ?? word;
    checkFirstPlace(name, network, request);
    return [name, request] as const;
  });
  return usesNetwork({ network: { mode } }) ? Object.fromEntries(places) : {};
}

function findByWord(networks: Context['networks'], word: string): NetworkInfo | undefined {
  try {
    return networks.get(word);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    return undefined;
  }
}

function checkFailureAction({ health, autoRemove }: ContainerConfig): void {
  const action = health?.onFailure ?? 'none';
  if (action !== 'none' && !hasTest(health))
    throw invalid('an on-failure action of the health check needs a health check', {
      code: 'bad-healthcheck',
      hint: 'give one with --health-cmd, or use an image that has a HEALTHCHECK',
    });
  if (action === 'restart' && autoRemove)
    throw invalid(`can't create 'AutoRemove' container that restarts when unhealthy`, {
      code: 'bad-healthcheck',
    });
}

/** What must exist and make sense at create time, before anything is made. */
function checkReferences(context: Context, config: ContainerConfig): void {
  resolveSecurity(config.security, context.settings.security);
  const runtime = config.runtimeName;
  if (runtime !== undefined && !context.settings.runtimes.includes(runtime))
    throw invalid(`unknown or invalid runtime name: ${runtime}`, {
      code: 'unknown-runtime',
      hint: `runtimes of this engine: ${context.settings.runtimes.join(', ')}`,
    });
  checkLogConfig(config.log);
}

/** Namespaces of others are kept by id: the name may belong to another container tomorrow. */
function withIds(context: Context, config: ContainerConfig): ContainerConfig {
  const idOf = (mode: string): string => {
    const other = /^container:(.*)$/.exec(mode)?.[1];
    return other === undefined ? mode : `container:${referenced(context, other).id}`;
  };
  const { network, namespaces } = config;
  return {
    ...config,
    network: { ...network, mode: idOf(network.mode), links: resolveLinks(context, network.links) },
    namespaces: {
      ...namespaces,
      pid: idOf(namespaces.pid),
      ipc: idOf(namespaces.ipc),
      user: idOf(namespaces.user),
    },
  };
}

/** A container that the request names. Clients take not-found for the image's absence and would pull it, hence the other kind. */
function referenced(context: Context, nameOrId: string): ContainerRecord {
  try {
    return context.store.get(nameOrId);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    throw invalid(toSiloError(error).message, { code: 'no-such-container', cause: error });
  }
}

/** An image that the request mounts; not-found would say that the container's own is missing. */
function mountedImage(context: Context, name: string): ImageRecord {
  try {
    const image = context.images.resolve(name);
    if (image.form === 'unpacked') return image;
    throw invalid(`image ${name} is not unpacked here`, {
      code: 'packed-image',
      hint: `pull it for a platform: silo pull --platform linux/amd64 ${name}`,
    });
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    throw invalid(toSiloError(error).message, {
      code: 'no-such-image',
      hint: `pull it first: silo pull ${name}`,
      cause: error,
    });
  }
}

/** The one of the name's platforms that is asked for. Not-found, so that clients pull the image for the platform that they want. */
function chooseImage({ images }: Context, { config: { image: name }, platform }: CreateRequest): ImageRecord {
  if (platform === undefined) return images.resolve(name);
  const wanted = parsePlatform(platform);
  const [own, ...others] = images.variants(name);
  const found = [own, ...others].find((image) => image && fitsPlatform(wanted, actualPlatform(image)));
  if (found) return found;
  throw notFound(
    `image with reference ${name} was found but does not match the specified platform: wanted ${formatPlatform(wanted)}, actual: ${own ? formatPlatform(actualPlatform(own)) : 'none'}`,
    { code: 'other-platform' },
  );
}

function actualPlatform({ config: { os, architecture, variant } }: ImageRecord): Platform {
  return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

function fitsPlatform(wanted: Platform, actual: Platform): boolean {
  return (
    wanted.os === actual.os &&
    wanted.architecture === actual.architecture &&
    (wanted.variant === undefined || wanted.variant === actual.variant)
  );
}
