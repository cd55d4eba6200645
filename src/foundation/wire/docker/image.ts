import type { GraphDriverJson } from './container.ts';
import type { HealthConfigJson } from './container-config.ts';

export interface PlatformJson {
  architecture: string;
  os: string;
  'os.version'?: string;
  'os.features'?: string[];
  variant?: string;
}

export interface DescriptorJson {
  mediaType: string;
  digest: string;
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  platform?: PlatformJson;
  artifactType?: string;
}

/** One entry of a multi-platform image. */
export interface ImageManifestJson {
  ID: string;
  Descriptor: DescriptorJson;
  Available: boolean;
  Size: { Total: number; Content: number };
  Kind: 'image' | 'attestation' | 'unknown';
  ImageData?: { Platform: PlatformJson; Containers: string[]; Size: { Unpacked: number } };
  AttestationData?: { For: string };
}

export interface ImageSummaryJson {
  Id: string;
  ParentId: string;
  RepoTags: string[];
  RepoDigests: string[];
  /** Seconds since the epoch. */
  Created: number;
  Size: number;
  /** -1 when it was not computed. */
  SharedSize: number;
  /** Same as `Size`; answered up to API 1.43. */
  VirtualSize?: number;
  Labels: Record<string, string> | null;
  /** Number of containers that use it; -1 when it was not computed. */
  Containers: number;
  /** When asked for, since API 1.47. */
  Manifests?: ImageManifestJson[];
  /** Of what the name means; since API 1.48. */
  Descriptor?: DescriptorJson;
}

export interface ImageInspectJson {
  Id: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  Created?: string;
  DockerVersion: string;
  Author: string;
  Config: ImageConfigJson | null;
  Architecture: string;
  Variant?: string;
  Os: string;
  OsVersion?: string;
  Size: number;
  /** Same as `Size`; answered up to API 1.43. */
  VirtualSize?: number;
  GraphDriver: GraphDriverJson;
  RootFS: { Type: string; Layers?: string[] };
  Metadata: { LastTagTime: string };
  /** Of what the name means; since API 1.48. */
  Descriptor?: DescriptorJson;
  /** When asked for, since API 1.48. */
  Manifests?: ImageManifestJson[];
}

export interface ImageConfigJson {
  User?: string;
  ExposedPorts?: Record<string, Record<string, never>>;
  Env?: string[] | null;
  Cmd?: string[] | null;
  Healthcheck?: HealthConfigJson;
  ArgsEscaped?: boolean;
  Volumes?: Record<string, Record<string, never>> | null;
  WorkingDir?: string;
  Entrypoint?: string[] | null;
  OnBuild?: string[] | null;
  Labels?: Record<string, string> | null;
  StopSignal?: string;
  Shell?: string[];
}

export interface ImageHistoryJson {
  /** `<missing>` for layers that are no image of their own. */
  Id: string;
  /** Seconds since the epoch. */
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  Size: number;
  Comment: string;
}

export type ImageDeleteJson = { Untagged: string } | { Deleted: string };

export interface ImagesPruneResponse {
  ImagesDeleted: ImageDeleteJson[] | null;
  SpaceReclaimed: number;
}

/** `X-Registry-Auth` (base64url of this JSON) and `POST /auth`. */
export interface SearchResultJson {
  star_count: number;
  is_official: boolean;
  name: string;
  is_automated: boolean;
  description: string;
}

/** The answer of `POST /auth`. */
export interface AuthAnswerJson {
  Status: string;
  IdentityToken: string;
}

export interface AuthConfigJson {
  username?: string;
  password?: string;
  /** Legacy: base64 of `user:password`. */
  auth?: string;
  email?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}
