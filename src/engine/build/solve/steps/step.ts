import type { ContainerId } from '../../../../foundation/base/ids.ts';
import type { ImageId } from '../../../../foundation/oci/digest.ts';
import type { ContainerConfig, MountRequest } from '../../../container/config.ts';
import type { ContainerRecord } from '../../../container/container.ts';
import { plainConfig, plainNetwork } from '../../../container/plain-config.ts';
import { stepMark } from '../../../container/store/shelf.ts';
import type { BuildDeps, StepDeps, StepLimits } from '../types.ts';

export interface Step {
  command: readonly string[];
  env: readonly string[];
  cwd: string;
  user: string;
  network: string;
  mounts?: readonly MountRequest[];
  /** CDI names. */
  devices?: readonly string[];
  privileged?: boolean;
  limits?: StepLimits | undefined;
  /** A terminal, with somebody before it. */
  isInteractive?: boolean;
}

/** A step that only touches files: its container is never started. */
export const filesOnly: Step = { command: ['/'], env: [], cwd: '/', user: '', network: 'none' };

/**
 * Makes a container on an image, and removes it when the work in it has ended, however it ended. After work that went well nothing runs in it any more: the next
 * step need not wait for the removal, only the build.
 */
export async function withContainer<T>(
  deps: Pick<StepDeps, 'containers' | 'later'>,
  image: ImageId,
  step: Step,
  work: (id: ContainerId) => Promise<T>,
): Promise<T> {
  const { id } = await deps.containers.create({ config: configOf(image, step), isPassing: true });
  const remove = (): Promise<void> => deps.containers.remove(id, { force: true, volumes: true });
  try {
    const result = await work(id);
    await deps.later.add(remove);
    return result;
  } catch (error) {
    await remove();
    throw error;
  }
}

export interface CommitStep {
  title: string;
  signal: AbortSignal | undefined;
  /** Made for its run; no part of the image unless something is in them. */
  mountPoints?: readonly string[];
}

/** What a step's container changed becomes an image without configuration. */
export const commitStep = (
  deps: Pick<BuildDeps, 'changes'>,
  id: ContainerId,
  { title, signal, mountPoints }: CommitStep,
): Promise<ImageId> =>
  deps.changes.commit(id, {
    author: '',
    comment: '',
    pause: false,
    changes: [],
    bare: { createdBy: title, ...(mountPoints ? { mountPoints } : {}) },
    ...(signal ? { signal } : {}),
  });

/** A layer of its own making becomes an image without configuration. */
export async function composeStep(
  deps: Pick<BuildDeps, 'images' | 'now'>,
  step: {
    base: ImageId | undefined;
    layer?: AsyncIterable<Uint8Array> | undefined;
    /** The layers of another image. */
    above?: ImageId;
    title: string;
    signal: AbortSignal | undefined;
  },
): Promise<ImageId> {
  const { base, layer, above, title, signal } = step;
  const image = await deps.images.compose({
    ...(base === undefined ? {} : { base }),
    ...(layer ? { layer } : {}),
    ...(above === undefined ? {} : { above }),
    run: {},
    mayBeLost: true,
    createdAtMs: deps.now(),
    createdBy: title,
    ...(signal ? { signal } : {}),
  });
  return image.id;
}

/** Removes what builds of a dead engine left. */
export async function sweepSteps(
  { containers, log }: Pick<BuildDeps, 'containers' | 'log'>,
  unsettled: readonly ContainerRecord[],
): Promise<void> {
  for (const { id, config } of unsettled) {
    if (config.annotations[stepMark] === undefined) continue;
    try {
      await containers.remove(id, { force: true, volumes: true });
    } catch (error) {
      log.warn(`removing a container of a build: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

const configOf = (image: ImageId, step: Step): ContainerConfig =>
  plainConfig(image, {
    user: step.user,
    env: [...step.env],
    entrypoint: [''],
    command: [...step.command],
    workingDir: step.cwd,
    annotations: { [stepMark]: '' },
    network: { ...networkOf(step.network), extraHosts: [...(step.limits?.extraHosts ?? [])] },
    mounts: [...(step.mounts ?? [])],
    ...(step.devices?.length
      ? { deviceRequests: [{ driver: 'cdi', count: 0, ids: [...step.devices] }] }
      : {}),
    ...(step.isInteractive ? { terminal: true, openStdin: true, stdinOnce: true, attachStdin: true } : {}),
    // Package managers want Docker's capabilities, whatever the engine gives to containers.
    security: {
      ...plainConfig('').security,
      ...(step.privileged ? { privileged: true } : { options: ['silo=default'] }),
    },
    resources: { ...step.limits?.resources },
    ...(step.limits?.shmSizeBytes ? { shmSizeBytes: step.limits.shmSizeBytes } : {}),
    ...(step.limits?.cgroupParent ? { cgroupParent: step.limits.cgroupParent } : {}),
    // Short programs may end before their output is connected: what they printed is then in the log.
    log: { driver: 'json-file', options: {} },
  });

function networkOf(asked: string): ContainerConfig['network'] {
  const mode = asked === '' || asked === 'default' ? 'bridge' : asked;
  const hasPlace = mode !== 'none' && mode !== 'host' && !mode.startsWith('container:');
  const place = { aliases: [], links: [], linkLocalAddresses: [], driverOptions: {}, gatewayPriority: 0 };
  return plainNetwork(mode, hasPlace ? { [mode]: place } : {});
}
