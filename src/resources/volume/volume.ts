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
  find(name: string): VolumeInfo | undefined;
  list(): VolumeInfo[];
  remove(name: string): Promise<void>;
  /**
   * Gives an empty volume its first content: `fill` may make `_data` in a private folder, which then takes the place of the empty one at once and is on the
   * disk. A volume with content is left as it is, and `fill` is not called. The caller knows that no container has it, and mounts one whose options name a
   * file system.
   */
  seed(name: string, fill: (directory: string) => Promise<void>): Promise<void>;
  /**
   * A volume whose whole content is what `work` makes as `_data` in a private folder: a new volume, or an empty one of this name, which it then replaces at
   * once. Nothing is locked meanwhile; `mayReplace` is asked again just before and throws when somebody uses it. Kind `conflict` when it has content.
   */
  fill(name: string, work: (directory: string) => Promise<void>, mayReplace: () => void): Promise<VolumeInfo>;
  /** Mounts what its options name at its mountpoint, unless it is there already. Nothing for a volume without options. */
  mount(name: string): Promise<void>;
  /** The reverse; `conflict` while something on the host uses it. */
  unmount(name: string): Promise<void>;
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
