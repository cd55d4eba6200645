/**
 * Named volumes of the `local` driver: folders `DIR/<name>/_data` that outlive containers. References are counted by the engine (it asks
 * its records), not here.
 */
export interface Volumes {
  /**
   * Creates or returns the existing one of this name. A missing name gives a random 64-digit one (anonymous); `anonymous` says so of a name that
   * the caller had to know beforehand.
   */
  create(request: {
    name?: string;
    anonymous?: boolean;
    labels?: Record<string, string>;
    driver?: string;
    options?: Record<string, string>;
  }): Promise<VolumeInfo>;
  /** Not-found when absent. */
  get(name: string): VolumeInfo;
  list(): VolumeInfo[];
  remove(name: string): Promise<void>;
}

export interface VolumeInfo {
  name: string;
  driver: 'local';
  mountpoint: string;
  labels: Record<string, string>;
  options: Record<string, string>;
  anonymous: boolean;
  createdAtMs: number;
}
