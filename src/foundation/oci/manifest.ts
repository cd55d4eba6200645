import { corrupt, invalid, unsupported } from '../base/errors.ts';
import { type JsonObject, parseJsonDocument } from './bounded-json.ts';
import type { Descriptor, Platform } from './descriptor.ts';
import { parseDigest } from './digest.ts';
import { isIndexType, isManifestType, isSchema1Type, layerType, mediaTypes } from './media-types.ts';

/** OCI image spec, manifest.md; Docker's schema 2 has the same shape. */
export interface Manifest {
  schemaVersion: 2;
  mediaType: string;
  artifactType?: string;
  config: Descriptor;
  layers: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** OCI image spec, image-index.md; Docker's manifest list has the same shape. */
export interface ImageIndex {
  schemaVersion: 2;
  mediaType: string;
  artifactType?: string;
  manifests: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

export type ManifestDocument =
  | { kind: 'manifest'; manifest: Manifest }
  | { kind: 'index'; index: ImageIndex };

/** What an image may claim; beyond it is refused before any of it is fetched. */
export const manifestLimits = {
  /** The size that registries should accept at least. OCI distribution spec, "Pushing Manifests". */
  documentBytes: 4 * 1024 * 1024,
  configBytes: 8 * 1024 * 1024,
  /** Below overlayfs' stack of 500 lower layers, with room for the engine's own. */
  layers: 480,
  indexEntries: 2_000,
  annotations: 1_000,
  /** One blob: 1 TiB. */
  blobBytes: 2 ** 40,
} as const;

/**
 * Reads a manifest or an index. `contentType` is what the server or the pointing descriptor called it; it must agree with what
 * the document says of itself, and a document that could be read as both is refused (CVE-2021-41190; OCI image spec,
 * manifest.md, "mediaType").
 */
export function parseManifestDocument(bytes: Uint8Array, contentType?: string): ManifestDocument {
  const document = parseJsonDocument(bytes, 'manifest', manifestLimits.documentBytes);
  refuseConfusion(document);
  const mediaType = agreedMediaType(document, contentType?.split(';')[0]?.trim().toLowerCase());
  const schemaVersion = document.integer('schemaVersion');
  if (schemaVersion !== 2)
    throw invalid(`manifest: schemaVersion must be 2, not ${schemaVersion ?? 'absent'}`);
  if (isManifestType(mediaType)) return { kind: 'manifest', manifest: readManifest(document, mediaType) };
  if (isIndexType(mediaType)) return { kind: 'index', index: readIndex(document, mediaType) };
  throw unsupported(`unsupported manifest media type "${mediaType.slice(0, 200)}"`, {
    hint: 'Silo reads OCI manifests and indexes and Docker schema 2 manifests and lists',
  });
}

/** A manifest, not an index. */
export function parseManifest(bytes: Uint8Array, contentType?: string): Manifest {
  const document = parseManifestDocument(bytes, contentType);
  if (document.kind !== 'manifest') throw invalid('want an image manifest, got an index of several');
  return document.manifest;
}

/** An index, not a manifest. */
export function parseIndex(bytes: Uint8Array, contentType?: string): ImageIndex {
  const document = parseManifestDocument(bytes, contentType);
  if (document.kind !== 'index') throw invalid('want an image index, got a manifest');
  return document.index;
}

/**
 * Throws kind `unsupported` unless the manifest describes a container image whose layers Silo can unpack: an artifact (a chart,
 * a signature) has the same outer shape.
 */
export function requireImageManifest(manifest: Manifest): void {
  const odd = manifest.layers.find((layer) => layerType(layer.mediaType) === undefined);
  if (odd === undefined && manifest.config.mediaType !== mediaTypes.ociEmpty) return;
  const type = odd?.mediaType ?? manifest.artifactType ?? manifest.config.mediaType;
  throw unsupported(`not a container image: it holds "${type.slice(0, 200)}"`, {
    code: 'not-an-image',
    hint: 'artifacts such as charts and signatures are fetched with tools of their own',
  });
}

function refuseConfusion(document: JsonObject): void {
  if (document.has('fsLayers') || document.integer('schemaVersion') === 1)
    throw unsupported('the image has the obsolete manifest format "schema 1"', {
      code: 'schema-1',
      hint: 'push it again with a tool of this decade',
    });
  if (document.has('manifests') && (document.has('layers') || document.has('config')))
    throw invalid('ambiguous manifest: it has both "manifests" and "layers" or "config"', {
      code: 'ambiguous-manifest',
    });
}

function agreedMediaType(document: JsonObject, outside: string | undefined): string {
  const inside = document.string('mediaType');
  const claimed = outside !== undefined && isKnown(outside) ? outside : undefined;
  if (outside !== undefined && isSchema1Type(outside))
    throw unsupported('the image has the obsolete manifest format "schema 1"', { code: 'schema-1' });
  if (inside !== undefined && claimed !== undefined && inside !== claimed)
    throw invalid(
      `ambiguous manifest: delivered as "${claimed}" but calls itself "${inside.slice(0, 200)}"`,
      {
        code: 'ambiguous-manifest',
      },
    );
  const mediaType = inside ?? claimed;
  if (mediaType !== undefined) {
    if (isManifestType(mediaType) && document.has('manifests'))
      throw invalid('manifest: unexpected "manifests"', { code: 'ambiguous-manifest' });
    if (isIndexType(mediaType) && (document.has('layers') || document.has('config')))
      throw invalid('index: unexpected "layers" or "config"', { code: 'ambiguous-manifest' });
    return mediaType;
  }
  // OCI made the property optional; only the shape is left, and it is unambiguous here.
  return document.has('manifests') ? mediaTypes.ociIndex : mediaTypes.ociManifest;
}

function isKnown(mediaType: string): boolean {
  return isManifestType(mediaType) || isIndexType(mediaType);
}

function readManifest(document: JsonObject, mediaType: string): Manifest {
  const config = document.object('config');
  if (config === undefined) throw invalid('manifest: "config" is missing');
  const layers = document.objects('layers', manifestLimits.layers);
  if (layers === undefined) throw invalid('manifest: "layers" is missing');
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType,
    ...common(document),
    config: readDescriptor(config),
    layers: layers.map(readDescriptor),
  };
  if (manifest.config.size > manifestLimits.configBytes)
    throw invalid(
      `manifest: the configuration is ${manifest.config.size} bytes long: more than the limit of ${manifestLimits.configBytes}`,
    );
  return manifest;
}

function readIndex(document: JsonObject, mediaType: string): ImageIndex {
  const manifests = document.objects('manifests', manifestLimits.indexEntries);
  if (manifests === undefined) throw invalid('index: "manifests" is missing');
  return { schemaVersion: 2, mediaType, ...common(document), manifests: manifests.map(readDescriptor) };
}

function common(document: JsonObject): Pick<Manifest, 'artifactType' | 'subject' | 'annotations'> {
  const subject = document.object('subject');
  const artifactType = document.string('artifactType');
  const annotations = document.stringMap('annotations', manifestLimits.annotations);
  return {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(subject === undefined ? {} : { subject: readDescriptor(subject) }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** OCI image spec, descriptor.md. `data` is dropped: content always comes through its digest. */
function readDescriptor(source: JsonObject): Descriptor {
  const mediaType = source.string('mediaType');
  const digest = source.string('digest');
  const size = source.integer('size');
  if (mediaType === undefined || mediaType.length > 255)
    throw invalid(`${source.where}: "mediaType" is missing or too long`);
  if (digest === undefined) throw invalid(`${source.where}: "digest" is missing`);
  if (size === undefined) throw invalid(`${source.where}: "size" is missing`);
  if (size < 0 || size > manifestLimits.blobBytes)
    throw corrupt(`${source.where}: size ${size} is outside of 0 to ${manifestLimits.blobBytes}`);
  const urls = source.strings('urls', 100);
  const annotations = source.stringMap('annotations', manifestLimits.annotations);
  const platform = source.object('platform');
  const artifactType = source.string('artifactType');
  return {
    mediaType,
    digest: parseDigest(digest),
    size,
    ...(urls === undefined ? {} : { urls }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform: readPlatform(platform) }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

function readPlatform(source: JsonObject): Platform {
  const osVersion = source.string('os.version');
  const osFeatures = source.strings('os.features', 100);
  const variant = source.string('variant');
  return {
    architecture: source.string('architecture') ?? '',
    os: source.string('os') ?? '',
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    ...(osFeatures === undefined ? {} : { 'os.features': osFeatures }),
    ...(variant === undefined ? {} : { variant }),
  };
}
