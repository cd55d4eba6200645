import { readFileSync } from 'node:fs';

/** The settings of a container that the driver needs after a restart. */
export interface ContainerRecord {
  runtimeName: string;
  cgroupsPath: string;
  terminal: boolean;
  stdin: 'none' | 'open' | 'once';
}

export function readRecord(path: string): ContainerRecord | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ContainerRecord;
  } catch {
    return undefined;
  }
}
