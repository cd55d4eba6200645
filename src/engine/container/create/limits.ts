import type { ContainerConfig, Resources } from '../config.ts';
import type { ContainerSettings } from '../context.ts';

/**
 * Limits that this engine cannot grant are lowered when the container starts (resources/spec): a container that asks for more open files than the host
 * allows should run. These are the words that tell its user.
 */
export function limitWarnings(
  config: ContainerConfig,
  settings: Pick<ContainerSettings, 'openFilesLimit' | 'lowestOomScore' | 'host'>,
): string[] {
  const files = (config.resources.ulimits ?? []).filter(
    ({ name, hard }) => name === 'nofile' && (hard < 0 || hard > settings.openFilesLimit),
  );
  const warnings = files.map(
    ({ hard }) => `ulimit nofile=${hard} is above what this host grants: ${settings.openFilesLimit} is used.`,
  );
  if (config.oomScoreAdj < settings.lowestOomScore)
    warnings.push(
      `oom-score-adj ${config.oomScoreAdj} needs CAP_SYS_RESOURCE, which the engine lacks: ${settings.lowestOomScore} is used.`,
    );
  return [...warnings, ...memoryWarnings(config.resources, settings)];
}

/** Docker's words where the kernel does not count swap. */
export function memoryWarnings(
  { memoryBytes = 0, memorySwapBytes = 0 }: Pick<Resources, 'memoryBytes' | 'memorySwapBytes'>,
  { host }: Pick<ContainerSettings, 'host'>,
): string[] {
  if (host.swapLimit || memoryBytes === 0 || memorySwapBytes < 0) return [];
  return [
    'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
  ];
}
