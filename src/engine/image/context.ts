import { createKeyLock, type KeyLock } from '../../foundation/base/key-lock.ts';
import { createLimiter, type Limiter } from '../../foundation/base/limiter.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { PackRequest } from '../../foundation/archive/pack-process.ts';
import type { UnpackRequest } from '../../foundation/archive/unpack-process.ts';
import type { UnpackResult } from '../../foundation/archive/unpack.ts';
import type { Database } from '../../foundation/db/database.ts';
import type { ChainId, DiffId, Digest } from '../../foundation/oci/digest.ts';
import type { ContentStore } from '../../resources/content/content.ts';
import type {
  RegistryAccess,
  RegistryClient,
  RegistryPublisher,
} from '../../resources/distribution/distribution.ts';
import type { BlobFetch } from '../../resources/distribution/fetch-blob.ts';
import type { LayerStore } from '../../resources/snapshot/snapshot.ts';
import type { Events } from '../events/events.ts';
import type { ImageUsers } from './image.ts';
import type { LayerPhase } from './transfers.ts';
import { createDocuments, type Documents } from './records/documents.ts';
import { createLeases, type Leases } from './lease.ts';
import { createSharedWork, type SharedWork } from './shared-work.ts';
import type { ImageStore, StoredLayer } from './records/records.ts';
import { createImageStore } from './records/store.ts';

/** What the image engine is made from. */
export interface ImageDeps {
  database: Database;
  content: ContentStore;
  layers: LayerStore;
  /** A client that reaches and trusts registries like this. */
  registry: (access: RegistryAccess) => RegistryClient;
  /** The same, for giving. */
  publisher: (access: RegistryAccess) => RegistryPublisher;
  /** `unpackLayer` with its command. */
  unpack: (request: Omit<UnpackRequest, 'command'>) => Promise<UnpackResult>;
  /** `pack` with its command. */
  pack: (request: Omit<PackRequest, 'command'>) => AsyncGenerator<Buffer>;
  /** Where two folders differ first, whatever they hold. */
  compareTrees: (one: string, two: string) => Promise<{ path: string; what: string } | undefined>;
  users: ImageUsers;
  events: Events;
  log: Log;
  now: () => number;
  settings: ImageSettings;
}

export interface ImageSettings {
  insecureRegistries: readonly string[];
  /** Compressed layers are deleted once they are unpacked and can be fetched again. */
  dropPackedLayers?: boolean;
  /** Blobs fetched side by side, over all pulls. */
  downloads: number;
  /** Layers unpacked side by side from blobs that are there; the number of processors. */
  unpacks: number;
  /** Existing folder for what a bootstrap builds; each removes its own. */
  temporaryDirectory: string;
  /** `SOURCE_DATE_EPOCH` of reproducible builds, in seconds. */
  sourceDateEpoch?: number;
}

/** Shared by the verbs of this folder; one per engine. */
export interface Context extends ImageDeps {
  store: ImageStore;
  leases: Leases;
  documents: Documents;
  /** One at a time by digest. */
  smallWrites: KeyLock;
  downloadTurns: Limiter;
  unpackTurns: Limiter;
  uploadTurns: Limiter;
  /** Unpackers that follow a download: an image may hold one layer a hundred times. */
  streamTurns: Limiter;
  /** Under way, by digest of the blob. */
  downloads: SharedWork<void, DownloadNote>;
  /** Under way, by chain id. */
  unpacks: SharedWork<StoredLayer, LayerNote>;
}

/** How one layer comes along. */
export interface LayerNote {
  phase: LayerPhase;
  currentBytes?: number;
  totalBytes?: number;
}

/** What a download tells those who wait for it: how far it is, and where its bytes can be read while they arrive. */
export interface DownloadNote {
  fetch: BlobFetch;
  layer: LayerNote;
}

/** What must be there for one layer of an image. */
export interface LayerWish {
  chainId: ChainId;
  diffId: DiffId;
  blob: Digest;
}

/** Blobs sent side by side, over all pushes; Docker's default. */
const uploads = 5;

export function createContext(deps: ImageDeps): Context {
  return {
    ...deps,
    store: createImageStore(deps.database),
    leases: createLeases(),
    documents: createDocuments(deps.content),
    smallWrites: createKeyLock(),
    downloadTurns: createLimiter(deps.settings.downloads),
    unpackTurns: createLimiter(deps.settings.unpacks),
    uploadTurns: createLimiter(uploads),
    // Twice, as those of whole blobs work on while the next are fetched.
    streamTurns: createLimiter(2 * Math.max(deps.settings.downloads, deps.settings.unpacks)),
    downloads: createSharedWork('the download'),
    unpacks: createSharedWork('unpacking the layer'),
  };
}
