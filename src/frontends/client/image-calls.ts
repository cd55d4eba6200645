import type {
  ImageLayersJson,
  IndexPushBody,
  RegistryManifestJson,
} from '../../foundation/wire/silo/manifests.ts';
import type {
  AuthConfigJson,
  ImageDeleteJson,
  ImageHistoryJson,
  ImageInspectJson,
  ImagesPruneResponse,
  ImageSummaryJson,
  SearchResultJson,
} from '../../foundation/wire/docker/image.ts';
import type { JsonMessage } from '../../foundation/wire/docker/json-message.ts';
import type { BootstrapBody, BootstrapMessage } from '../../foundation/wire/silo/bootstrap.ts';
import type { CallOptions, Filters } from './calls.ts';

/** The parameters of `POST /build`. */
export interface BuildCall {
  dockerfile: string;
  tags: readonly string[];
  buildArguments: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  target?: string;
  platform?: string;
  network?: string;
  noCache: boolean;
  pull: boolean;
  quiet: boolean;
}

export interface ImageCalls {
  /** Ours: keeps the image from background cleaning. */
  pin(name: string, options?: CallOptions): Promise<void>;
  unpin(name: string, options?: CallOptions): Promise<void>;
  list(
    options?: CallOptions & { all?: boolean; digests?: boolean; manifests?: boolean; filters?: Filters },
  ): Promise<ImageSummaryJson[]>;
  inspect(name: string, options?: CallOptions & { platform?: string }): Promise<ImageInspectJson>;
  history(name: string, options?: CallOptions & { platform?: string }): Promise<ImageHistoryJson[]>;
  /** Without `tag` all tags of the repository; the platform `all` is every platform. A message that reports an error is thrown. */
  pull(
    request: { name: string; tag?: string; platform?: string; auth?: AuthConfigJson },
    options?: CallOptions,
  ): AsyncIterable<JsonMessage>;
  search(
    term: string,
    options?: CallOptions & { limit?: number; filters?: Filters; auth?: AuthConfigJson },
  ): Promise<SearchResultJson[]>;
  /** Without `tag` all tags of the repository. `platform` as words, `linux/arm64`. */
  push(
    request: { name: string; tag?: string; platform?: string; auth?: AuthConfigJson },
    options?: CallOptions,
  ): AsyncIterable<JsonMessage>;
  /** An archive of the images; read it to the end or leave it. */
  save(
    names: readonly string[],
    options?: CallOptions & { platform?: string },
  ): Promise<AsyncIterable<Buffer>>;
  load(
    archive: AsyncIterable<Uint8Array>,
    options?: CallOptions & { quiet?: boolean; platform?: string },
  ): AsyncIterable<JsonMessage>;
  /** Builds an image from a tar of its context. */
  build(
    context: AsyncIterable<Uint8Array>,
    request: BuildCall,
    options?: CallOptions,
  ): AsyncIterable<JsonMessage>;
  /** `source` is `-` with an archive, or a URL that the daemon fetches. */
  import(
    request: {
      source: string;
      archive?: AsyncIterable<Uint8Array>;
      repo?: string;
      tag?: string;
      message?: string;
      changes?: readonly string[];
      platform?: string;
    },
    options?: CallOptions,
  ): AsyncIterable<JsonMessage>;
  tag(name: string, target: { repo: string; tag: string }, options?: CallOptions): Promise<void>;
  remove(
    name: string,
    options?: CallOptions & { force?: boolean; noPrune?: boolean; platforms?: readonly string[] },
  ): Promise<ImageDeleteJson[]>;
  prune(options?: CallOptions & { filters?: Filters }): Promise<ImagesPruneResponse>;
  /** Silo's own: what unpacked images consist of. */
  layers(options?: CallOptions): Promise<ImageLayersJson[]>;
  /** Silo's own: what a registry has under a name. */
  manifest(
    name: string,
    options?: CallOptions & { insecure?: boolean; auth?: AuthConfigJson | undefined },
  ): Promise<RegistryManifestJson>;
  /** Silo's own: gives an index of images to the registry that has them. */
  pushIndex(
    body: IndexPushBody,
    options?: CallOptions & { auth?: AuthConfigJson | undefined },
  ): Promise<{ Digest: string }>;
  /** Silo's own: makes a base image from what the machine has. */
  bootstrap(body: BootstrapBody, options?: CallOptions): AsyncIterable<BootstrapMessage>;
}
