import type { ImageHistoryEntry, ImageRecord, RemovedImage } from '../../../engine/image/image.ts';
import type { ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import { familiarName, parseReference } from '../../../foundation/oci/reference.ts';
import type {
  ImageConfigJson,
  ImageDeleteJson,
  ImageHistoryJson,
  ImageInspectJson,
  ImageSummaryJson,
} from '../../../foundation/wire/docker/image.ts';
import { since } from '../versions.ts';
import { storageDriver } from './container-inspect.ts';
import { formatTime, toSeconds } from './times.ts';

/** Canonical names as people write them: `busybox:latest`. */
export function familiarNames(canonical: readonly string[]): string[] {
  return canonical.map((name) => familiarName(parseReference(name))).toSorted();
}

/** One line of `images`. Counts are -1 where they were not asked for. */
export function toImageSummary(
  image: ImageRecord,
  view: { minor: number; containers: number; sharedBytes: number },
): ImageSummaryJson {
  return {
    Containers: view.containers,
    Created: toSeconds(image.createdAtMs),
    Id: image.id,
    Labels: image.config.config?.Labels ?? null,
    ParentId: image.parent ?? '',
    ...namesOf(image, view.minor),
    SharedSize: view.sharedBytes,
    Size: image.sizeBytes,
    ...(view.minor < since.noVirtualSize ? { VirtualSize: image.sizeBytes } : {}),
  };
}

function namesOf(image: ImageRecord, minor: number): { RepoTags: string[]; RepoDigests: string[] } {
  const RepoTags = familiarNames(image.tags);
  const RepoDigests = familiarNames(image.digests);
  if (minor >= since.emptyRepoTags) return { RepoTags, RepoDigests };
  return {
    RepoTags: RepoTags.length > 0 ? RepoTags : ['<none>:<none>'],
    RepoDigests: RepoTags.length + RepoDigests.length > 0 ? RepoDigests : ['<none>@<none>'],
  };
}

/** What only containers have, and images had in their configuration for older clients. */
const containerFields = {
  Hostname: '',
  Domainname: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: '',
};

/** What a build would have left: this engine builds nothing. */
const emptyContainerConfig = {
  ...containerFields,
  User: '',
  Env: null,
  Cmd: null,
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/** It came with a name whose own platform is another; lists tell of it there. */
export function isFurtherPlatform({ tags, variantOf }: Pick<ImageRecord, 'tags' | 'variantOf'>): boolean {
  return tags.length === 0 && variantOf.length > 0;
}

/** `GET /images/{name}/json`. `forCompose1`: Compose 1 speaks the newest version and stops with a KeyError without the field that went with 1.45. */
export function toImageInspect(
  image: ImageRecord,
  minor: number,
  { forCompose1 = false } = {},
): ImageInspectJson {
  const { config } = image;
  const lastHistory = config.history?.at(-1);
  return {
    Id: image.id,
    RepoTags: familiarNames(image.tags),
    RepoDigests: familiarNames(image.digests),
    Parent: image.parent ?? '',
    Comment: lastHistory?.comment ?? '',
    ...(config.created === undefined ? {} : { Created: config.created }),
    ...(minor < since.noImageContainer || forCompose1 ? { ContainerConfig: emptyContainerConfig } : {}),
    DockerVersion: config.docker_version ?? '',
    Author: config.author ?? '',
    Config: {
      ...(minor < since.noContainerFields ? containerFields : {}),
      ...toRunConfig(config.config ?? {}),
    },
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config['os.version'] === undefined ? {} : { OsVersion: config['os.version'] }),
    Size: image.sizeBytes,
    ...(minor < since.noVirtualSize ? { VirtualSize: image.sizeBytes } : {}),
    GraphDriver: { Data: null, Name: storageDriver },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: formatTime(image.taggedAtMs) },
  };
}

function toRunConfig(config: ImageRunConfig): ImageConfigJson {
  const { Healthcheck, User, Env, Cmd, Entrypoint, Volumes, WorkingDir, Labels, OnBuild, ...rest } = config;
  return {
    User: User ?? '',
    Env: Env ?? null,
    Cmd: Cmd ?? null,
    ...(Healthcheck === undefined ? {} : { Healthcheck }),
    Volumes: Volumes ?? null,
    WorkingDir: WorkingDir ?? '',
    Entrypoint: Entrypoint ?? null,
    OnBuild: OnBuild ?? null,
    Labels: Labels ?? null,
    ...rest,
  };
}

export function toImageHistory(entry: ImageHistoryEntry): ImageHistoryJson {
  return {
    Comment: entry.comment,
    Created: toSeconds(entry.createdAtMs),
    CreatedBy: entry.createdBy,
    Id: entry.id ?? '<missing>',
    Size: entry.sizeBytes,
    Tags: entry.tags.length === 0 ? null : familiarNames(entry.tags),
  };
}

export function toImageDelete(removed: RemovedImage): ImageDeleteJson {
  return 'untagged' in removed ? { Untagged: removed.untagged } : { Deleted: removed.deleted };
}
