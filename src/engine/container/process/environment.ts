import { defaultPath, mergeEnvironment } from '../../../resources/spec/process.ts';
import type { ContainerConfig } from '../config.ts';

/** The environment of the first process, which execs inherit. */
export function containerEnvironment(config: Pick<ContainerConfig, 'env' | 'hostname'>): string[] {
  return mergeEnvironment([`PATH=${defaultPath}`, `HOSTNAME=${config.hostname}`], config.env);
}
