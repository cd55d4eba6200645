import { nameOfPair } from '../../../foundation/base/split-pair.ts';
import type { ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import type { ContainerConfig } from '../config.ts';
import { mergeHealthCheck } from '../health/health-check.ts';

/**
 * The request with the image's defaults, as Docker merges them: environment and labels are joined (the request wins), an entrypoint of the request
 * drops the image's command, ports and volumes are united.
 */
export function mergeImage(request: ContainerConfig, image: ImageRunConfig): ContainerConfig {
  const entrypoint = request.entrypoint ?? (image.Entrypoint ? [...image.Entrypoint] : undefined);
  const ownCommand = request.command !== undefined && request.command.length > 0;
  const inheritsCommand =
    !ownCommand && (request.entrypoint === undefined || request.entrypoint.length === 0);
  const command = inheritsCommand && image.Cmd ? [...image.Cmd] : request.command;
  const stopSignal = request.stopSignal ?? image.StopSignal;
  const health = mergeHealthCheck(request.health, image.Healthcheck);
  const { entrypoint: _entrypoint, command: _command, ...rest } = request;
  return {
    ...rest,
    ...(entrypoint ? { entrypoint } : {}),
    ...(command ? { command } : {}),
    ...(stopSignal ? { stopSignal } : {}),
    ...(health ? { health } : {}),
    user: request.user || image.User || '',
    workingDir: request.workingDir || image.WorkingDir || '',
    env: mergeEnvironment(image.Env ?? [], request.env),
    labels: { ...image.Labels, ...request.labels },
    exposedPorts: [...new Set([...Object.keys(image.ExposedPorts ?? {}), ...request.exposedPorts])],
    volumes: [...new Set([...Object.keys(image.Volumes ?? {}), ...request.volumes])],
  };
}

/** Request first, then what only the image sets: the order that Docker keeps. A name without `=` stays in the list and takes the variable from the program. */
function mergeEnvironment(image: readonly string[], request: readonly string[]): string[] {
  const named = new Set(request.map(nameOfPair));
  return [...request, ...image.filter((entry) => !named.has(nameOfPair(entry)))];
}

/** The program and its arguments; an entrypoint of one empty word means none. */
export function commandLine(config: Pick<ContainerConfig, 'entrypoint' | 'command'>): string[] {
  const entrypoint = config.entrypoint ?? [];
  const isReset = entrypoint.length === 1 && entrypoint[0] === '';
  return [...(isReset ? [] : entrypoint), ...(config.command ?? [])];
}
