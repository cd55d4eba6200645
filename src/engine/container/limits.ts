import type { ContainerConfig } from './config.ts';
import type { ContainerSettings } from './context.ts';

/**
 * Limits that this engine cannot grant are lowered to what it can, with a warning: a container that asks for more open files than the host allows should
 * run, and its user should know.
 */
export function adaptLimits(
  config: ContainerConfig,
  settings: Pick<ContainerSettings, 'openFilesLimit' | 'maySetOomScoreBelow'>,
): { config: ContainerConfig; warnings: string[] } {
  const warnings: string[] = [];
  const ulimits = config.resources.ulimits?.map((limit) => {
    if (limit.name !== 'nofile') return limit;
    const most = settings.openFilesLimit;
    const hard = limit.hard < 0 ? most : Math.min(limit.hard, most);
    if (hard === limit.hard) return limit;
    warnings.push(`ulimit nofile=${limit.hard} is above what this host grants: lowered to ${most}.`);
    return { ...limit, hard, soft: limit.soft < 0 ? hard : Math.min(limit.soft, hard) };
  });
  let { oomScoreAdj } = config;
  if (oomScoreAdj < settings.maySetOomScoreBelow) {
    warnings.push(
      `oom-score-adj ${oomScoreAdj} needs CAP_SYS_RESOURCE, which the engine lacks: ${settings.maySetOomScoreBelow} is used.`,
    );
    oomScoreAdj = settings.maySetOomScoreBelow;
  }
  return {
    config: { ...config, oomScoreAdj, resources: { ...config.resources, ...(ulimits ? { ulimits } : {}) } },
    warnings,
  };
}
