/** Devices by qualified name, `vendor.com/class=name`, from specification files of the machine. */
export interface CdiDevices {
  /** Folders that are looked at, later ones win. */
  readonly directories: readonly string[];
  /**
   * What a container needs for these devices, in their order; what several have in common comes once. Not-found with Docker's text `unresolvable CDI
   * devices …` that names those which are not known, and a hint that tells why files were not believed.
   */
  resolve(names: readonly string[]): Promise<CdiEdits>;
}

/** Changes of a container, CDI specification, "containerEdits". */
export interface CdiEdits {
  /** `NAME=value`. */
  env: string[];
  deviceNodes: CdiDeviceNode[];
  mounts: CdiMount[];
  hooks: CdiHook[];
  additionalGids: number[];
}

export interface CdiDeviceNode {
  /** In the container. */
  path: string;
  /** On the host; what the file leaves out is taken from that node. */
  hostPath: string;
  type?: 'b' | 'c';
  major?: number;
  minor?: number;
  fileMode?: number;
  permissions: string;
  uid?: number;
  gid?: number;
}

export interface CdiMount {
  hostPath: string;
  containerPath: string;
  type?: string;
  options: string[];
}

export interface CdiHook {
  hookName: 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer';
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}
