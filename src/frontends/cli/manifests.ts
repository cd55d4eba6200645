import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../../foundation/base/atomic-file.ts';
import { invalid, notFound } from '../../foundation/base/errors.ts';
import { mediaTypes } from '../../foundation/oci/media-types.ts';
import {
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../../foundation/oci/reference.ts';
import type { DescriptorJson, PlatformJson } from '../../foundation/wire/docker/image.ts';
import type { RegistryManifestJson } from '../../foundation/wire/silo/manifests.ts';
import { configPath } from './credentials/config-path.ts';
import type { CliIo } from './io.ts';

/**
 * The lists that `manifest create` and `annotate` make before they are pushed: a folder for each list and a file for each image, where and as Docker's
 * CLI keeps them, so that both can go on with what the other began.
 */
export interface ManifestLists {
  /** In the order of the files' names, as Docker has them. Undefined when there is no such list. */
  find(list: Reference): Promise<RegistryManifestJson[] | undefined>;
  put(list: Reference, image: Reference, manifest: RegistryManifestJson): Promise<void>;
  findImage(list: Reference, image: Reference): Promise<RegistryManifestJson | undefined>;
  remove(list: Reference): Promise<void>;
}

export function createManifestLists(env: CliIo['env']): ManifestLists {
  const root = join(dirname(configPath(env)), 'manifests');
  const folderOf = (list: Reference): string => join(root, fileName(list));
  const read = async (path: string): Promise<RegistryManifestJson> =>
    JSON.parse(await readFile(path, 'utf8')) as RegistryManifestJson;
  return {
    async find(list) {
      const folder = folderOf(list);
      const names = await readdir(folder).catch(absent);
      return names && Promise.all(names.toSorted().map((name) => read(join(folder, name))));
    },
    async put(list, image, manifest) {
      const folder = folderOf(list);
      await mkdir(folder, { recursive: true, mode: 0o755 });
      await writeFileAtomic(join(folder, fileName(image)), JSON.stringify(withDocument(manifest)), {
        mode: 0o644,
      });
    },
    findImage: (list, image) => read(join(folderOf(list), fileName(image))).catch(absent),
    remove: (list) => rm(folderOf(list), { recursive: true, force: true }),
  };
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}

const fileName = (reference: Reference): string =>
  formatReference(reference).replaceAll(':', '-').replaceAll('/', '_');

export const readName = (name: string): Reference => withDefaultTag(parseReference(name));

export const noSuchList = (list: Reference): Error =>
  notFound(`No such manifest: ${formatReference(list)}`, { code: 'no-such-manifest' });

/** What `-v` shows: the document under the name of its kind too. */
export function withDocument(manifest: RegistryManifestJson): Record<string, unknown> {
  const { Ref, Descriptor, Raw } = manifest;
  const document: unknown = JSON.parse(rawText({ Raw }));
  const key = Descriptor.mediaType === mediaTypes.dockerManifest ? 'SchemaV2Manifest' : 'OCIManifest';
  const { mediaType, digest, size, platform } = Descriptor;
  const ordered = { mediaType, digest, size, ...(platform ? { platform: orderPlatform(platform) } : {}) };
  return { Ref, Descriptor: ordered, Raw, [key]: document };
}

export const rawText = ({ Raw }: Pick<RegistryManifestJson, 'Raw'>): string =>
  Buffer.from(Raw, 'base64').toString('utf8');

/** The index of a list, as Docker's CLI writes it: the same images give the same digest. */
export function formatIndex(descriptors: readonly DescriptorJson[]): string {
  const isOci = descriptors[0]?.mediaType === mediaTypes.ociManifest;
  const document = {
    schemaVersion: 2,
    mediaType: isOci ? mediaTypes.ociIndex : mediaTypes.dockerIndex,
    manifests: descriptors.map(({ mediaType, size, digest, platform }) => ({
      mediaType,
      size,
      digest,
      ...(platform ? { platform: orderPlatform(platform) } : {}),
    })),
  };
  return JSON.stringify(document, undefined, 3);
}

export function orderPlatform(platform: PlatformJson): PlatformJson {
  const { architecture, os, variant } = platform;
  const { 'os.version': version, 'os.features': features } = platform;
  return {
    architecture,
    os,
    ...(version ? { 'os.version': version } : {}),
    ...(features?.length ? { 'os.features': features } : {}),
    ...(variant ? { variant } : {}),
  };
}

// What Go has been built for, as Docker's CLI lists it.
const knownPlatforms: Readonly<Record<string, readonly string[]>> = {
  darwin: ['386', 'amd64', 'arm', 'arm64'],
  dragonfly: ['amd64'],
  freebsd: ['386', 'amd64', 'arm'],
  linux: ['386', 'amd64', 'arm', 'arm64', 'mips64', 'mips64le', 'ppc64le', 'riscv64', 's390x', 'loong64'],
  netbsd: ['386', 'amd64', 'arm'],
  openbsd: ['386', 'amd64', 'arm'],
  plan9: ['386', 'amd64'],
  solaris: ['amd64'],
  windows: ['386', 'amd64', 'arm', 'arm64'],
};

export function requireKnownPlatform({ os, architecture }: PlatformJson, shown: string): void {
  if (knownPlatforms[os]?.includes(architecture)) return;
  throw invalid(`manifest entry for image has unsupported os/arch combination: ${shown}`, {
    code: 'unknown-platform',
  });
}
