import { parsePlatform } from '../../../foundation/oci/platform.ts';
import { parseReference, type Reference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type { Attestation, BuildOutput, ImageForm, LayerForm, OutputAnnotation } from './output.ts';
import { type AttributeReader, badWords, readWords, type TypedWords } from './words.ts';

/** An output in BuildKit's words; `dest` is the client's business and is not among them. Kind `invalid` with what is wrong. */
export const readOutput = (words: TypedWords): BuildOutput =>
  readWords(words, 'output', (attributes) => outputOf(words.type, attributes));

function outputOf(type: string, attributes: AttributeReader): BuildOutput {
  switch (type) {
    case 'image':
    case 'registry': {
      const isPushed = attributes.flag('push', type === 'registry');
      const isByDigest = attributes.flag('push-by-digest', false);
      return {
        type: 'image',
        isPushed: isPushed || isByDigest,
        isByDigest,
        isStored: attributes.flag('store', type === 'image'),
        isInsecure: attributes.flag('registry.insecure', false),
        ...named(attributes),
      };
    }
    case 'docker':
    case 'oci':
      return { type, isFolder: !attributes.flag('tar', true), ...named(attributes) };
    case 'tar':
    case 'local':
      // Times are those of the build already.
      attributes.flag('platform-split', true);
      return { type };
    case 'cacheonly':
      return { type };
    default:
      throw badWords(
        `unknown output type "${type.slice(0, 60)}"`,
        'use image, registry, docker, oci, tar, local or cacheonly',
      );
  }
}

function named(attributes: AttributeReader): ImageForm & { names: readonly Reference[] } {
  // Of no meaning here: what was built is unpacked in any case.
  attributes.flag('unpack', true);
  const isOci = attributes.text('oci-mediatypes');
  const names = readNames(attributes.text('name'));
  const layers = readLayers(attributes);
  const isTimeRewritten = attributes.flag('rewrite-timestamp', false);
  const annotations: OutputAnnotation[] = [];
  attributes.others((name, value) => {
    const found = readAnnotation(name, value);
    if (found) annotations.push(found);
    return found !== undefined;
  });
  return {
    names,
    layers,
    annotations,
    isTimeRewritten,
    ...(isOci === undefined ? {} : { family: /^(1|t|true)$/i.test(isOci) ? 'oci' : 'docker' }),
  };
}

/** Names stand in one attribute, with commas. */
function readNames(text: string | undefined): Reference[] {
  return (text ?? '')
    .split(',')
    .filter((name) => name !== '')
    .map((name) => {
      const reference = parseReference(name);
      if (reference.digest !== undefined)
        throw badWords(`output: the name ${name.slice(0, 200)} has a digest`);
      return withDefaultTag(reference);
    });
}

/** How layers are packed. */
export function readLayers(attributes: AttributeReader): LayerForm {
  const compression = attributes.choice('compression', ['uncompressed', 'gzip', 'zstd']);
  // zlib has 0 to 9, zstd up to 22.
  const level = attributes.number('compression-level', [0, compression === 'zstd' ? 22 : 9]);
  const isForced = attributes.flag('force-compression', false);
  return {
    isForced,
    ...(compression === undefined
      ? {}
      : { compression: compression === 'uncompressed' ? 'none' : compression }),
    ...(level === undefined ? {} : { level }),
  };
}

const annotationKey =
  /^annotation(?:-(manifest|index|manifest-descriptor|index-descriptor))?(?:\[([^\]]{1,100})\])?\.([^]{1,1000})$/;

/** `annotation.KEY`, `annotation-index.KEY`, `annotation-manifest[linux/amd64].KEY`. */
function readAnnotation(name: string, value: string): OutputAnnotation | undefined {
  const [, on = 'manifest', platform, key] = annotationKey.exec(name) ?? [];
  if (key === undefined) return undefined;
  return {
    on: on as OutputAnnotation['on'],
    key,
    value,
    ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
  };
}

const levels = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor'] as const;

/** `--annotation`: `KEY=VALUE`, or `manifest,index[linux/amd64]:KEY=VALUE` for other places than manifests. */
export function readAnnotations(texts: readonly string[]): OutputAnnotation[] {
  return texts.flatMap((text) => {
    const equals = text.indexOf('=');
    const left = equals < 0 ? text : text.slice(0, equals);
    const places = /^([a-z-]+(?:\[[^\]]*\])?(?:,[a-z-]+(?:\[[^\]]*\])?)*):(.+)$/.exec(left);
    const [, where = 'manifest', key = left] = places ?? [];
    if (equals < 0 || key === '')
      throw badWords(
        `annotation "${text.slice(0, 100)}": want KEY=VALUE`,
        'for example index:org.opencontainers.image.title=site',
      );
    return where.split(/,(?![^[]*\])/).map((word) => {
      const [, on = '', platform] = /^([a-z-]+)(?:\[([^\]]*)\])?$/.exec(word) ?? [];
      const level = levels.find((each) => each === on);
      if (level === undefined)
        throw badWords(
          `annotation "${text.slice(0, 100)}": unknown place "${on.slice(0, 60)}"`,
          `use ${levels.join(', ')}`,
        );
      return {
        on: level,
        key,
        value: text.slice(equals + 1),
        ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
      };
    });
  });
}

/** `--attest`, `--provenance` and `--sbom`: later ones go over earlier ones of the type. `disabled=true` takes one away. */
export function readAttestations(list: readonly TypedWords[]): Attestation[] {
  const found = new Map<string, Attestation | undefined>();
  for (const words of list)
    readWords(words, 'attestation', (attributes) => {
      const isOff = attributes.flag('disabled', false);
      const attestation = attestationOf(words.type, attributes);
      found.set(attestation.type, isOff ? undefined : attestation);
    });
  return [...found.values()].filter((each) => each !== undefined);
}

function attestationOf(type: string, attributes: AttributeReader): Attestation {
  switch (type) {
    case 'provenance': {
      const mode = attributes.choice('mode', ['min', 'max']) ?? 'min';
      // The one form there is.
      attributes.choice('version', ['v1']);
      return { type, mode };
    }
    case 'sbom':
      if (attributes.text('generator') !== undefined)
        throw badWords('attestation type=sbom: no other generator can be used', 'leave generator= out');
      return { type };
    default:
      throw badWords(`unknown attestation type "${type.slice(0, 60)}"`, 'use provenance or sbom');
  }
}
