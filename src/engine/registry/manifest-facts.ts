import { invalid, unsupported } from '../../foundation/base/errors.ts';
import { type JsonObject, parseJsonDocument } from '../../foundation/oci/bounded-json.ts';
import { type Digest, isDigest } from '../../foundation/oci/digest.ts';
import { isIndexType, isManifestType, layerType, mediaTypes } from '../../foundation/oci/media-types.ts';

/** What a registry must know of a manifest: what it refers to. Layers may be anything, not only file systems. */
export interface ManifestFacts {
  mediaType: string;
  /** Blobs that must be there. */
  blobs: Reference[];
  /** Blobs that may be there: layers that are to be fetched from elsewhere. */
  foreign: Digest[];
  /** Manifests of an index. */
  children: Reference[];
  subject?: Digest;
  /** OCI distribution spec, "Listing Referrers": of the descriptor; a configuration's type stands in for an absent one. */
  artifactType?: string;
  annotations?: Record<string, string>;
}

export interface Reference {
  digest: Digest;
  sizeBytes: number;
}

/** OCI distribution spec, "Pushing Manifests": what a registry should accept at least, and what this one accepts at most. */
export const manifestLimitBytes = 4 * 1024 * 1024;
const limits = { references: 20_000, annotations: 10_000, urls: 1_000, mediaType: 255 };

/**
 * Reads a manifest or an index, OCI's or Docker's. `contentType` is what the client called it; it must agree with the document, and a document
 * that could be read as both is refused (CVE-2021-41190). Kind `invalid`, code `manifest-invalid`.
 */
export function readManifestFacts(bytes: Uint8Array, contentType: string | undefined): ManifestFacts {
  try {
    return read(parseJsonDocument(bytes, 'manifest', manifestLimitBytes), contentType);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw invalid(message, { code: 'manifest-invalid', cause: error });
  }
}

function read(document: JsonObject, contentType: string | undefined): ManifestFacts {
  if (document.integer('schemaVersion') !== 2 || document.has('fsLayers'))
    throw unsupported('manifest: schemaVersion must be 2');
  const mediaType = agreedType(document, contentType);
  const isIndex = isIndexType(mediaType);
  const [wrong, right] = isIndex ? (['layers', 'manifests'] as const) : (['manifests', 'layers'] as const);
  if (document.has(wrong) || (isIndex && document.has('config')))
    throw invalid(
      `ambiguous manifest: a document of type ${mediaType} must not have "${wrong}" or a foreign "config"`,
    );
  const described = (document.objects(right, limits.references) ?? []).map((entry) => readReference(entry));
  const config = document.object('config');
  if (!isIndex && config === undefined) throw invalid('manifest: "config" is missing');
  const subject = document.object('subject');
  const artifactType = document.string('artifactType') ?? (isIndex ? undefined : config?.string('mediaType'));
  const annotations = document.stringMap('annotations', limits.annotations);
  return {
    mediaType,
    blobs: isIndex
      ? []
      : [
          ...(config === undefined ? [] : [readReference(config)]),
          ...described.filter(({ isForeign }) => !isForeign),
        ],
    foreign: isIndex ? [] : described.filter(({ isForeign }) => isForeign).map(({ digest }) => digest),
    children: isIndex ? described : [],
    ...(subject === undefined ? {} : { subject: readReference(subject).digest }),
    ...(artifactType === undefined || artifactType === '' ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function agreedType(document: JsonObject, contentType: string | undefined): string {
  const outside = contentType?.split(';')[0]?.trim();
  const inside = document.string('mediaType');
  if (inside !== undefined && outside !== undefined && outside !== '' && inside !== outside)
    throw invalid(
      `ambiguous manifest: sent as "${outside.slice(0, 200)}" but calls itself "${inside.slice(0, 200)}"`,
    );
  // OCI made the property optional; without any word from outside only the shape is left.
  const mediaType =
    inside ?? (outside || (document.has('manifests') ? mediaTypes.ociIndex : mediaTypes.ociManifest));
  if (!isManifestType(mediaType) && !isIndexType(mediaType))
    throw unsupported(`unsupported manifest media type "${mediaType.slice(0, 200)}"`);
  return mediaType;
}

function readReference(source: JsonObject): Reference & { isForeign: boolean } {
  const mediaType = source.string('mediaType');
  const digest = source.string('digest') ?? '';
  const sizeBytes = source.integer('size');
  if (mediaType === undefined || mediaType.length > limits.mediaType)
    throw invalid(`${source.where}: "mediaType" is missing or too long`);
  if (!isDigest(digest)) throw invalid(`${source.where}: "digest" is missing or invalid`);
  if (sizeBytes === undefined || sizeBytes < 0)
    throw invalid(`${source.where}: "size" is missing or negative`);
  const urls = source.strings('urls', limits.urls) ?? [];
  return { digest, sizeBytes, isForeign: urls.length > 0 || layerType(mediaType)?.foreign === true };
}
