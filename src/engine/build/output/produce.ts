import { randomUUID } from 'node:crypto';
import { internal } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { familiarName, formatReference, type Reference } from '../../../foundation/oci/reference.ts';
import type { ImageSet } from '../../image/assemble/assembly.ts';
import type { BuildDeps, BuildRequest } from '../solve/types.ts';
import { type Attest, assembleRequest } from './images.ts';
import { filesOf } from './merge-platforms.ts';
import type { BuildOutput, BuildResult, ImageForm, PlatformResult } from './output.ts';
import { send } from './send.ts';

export interface ProduceOptions {
  request: BuildRequest;
  /** At least one; the first is what names mean on this machine. */
  results: readonly PlatformResult[];
  /** Statements for images that go to others, or wherever they were asked for. */
  attestations: (output: BuildOutput, names: readonly Reference[]) => Attest | undefined;
  /** The cache that goes into the manifests of images. */
  inline?: ((result: PlatformResult) => string | undefined) | undefined;
  /** Added to what is told of the build. */
  metadata?: Readonly<Record<string, unknown>>;
}

type Results = readonly [PlatformResult, ...PlatformResult[]];

/** Without outputs the image is for the store. */
const stored: BuildOutput = {
  type: 'image',
  isPushed: false,
  isStored: true,
  isByDigest: false,
  isInsecure: false,
  names: [],
  layers: { isForced: false },
  annotations: [],
  isTimeRewritten: false,
};

/** Turns what was built into what was asked for, one output after the other. Names are given when all the bytes are there. */
export async function produce(
  deps: Pick<BuildDeps, 'images'>,
  { request, results: [first, ...others], attestations, inline, metadata: more }: ProduceOptions,
): Promise<BuildResult> {
  if (first === undefined) throw internal('a build without a result');
  const results: Results = [first, ...others];
  const outputs = request.outputs?.length ? request.outputs : [stored];
  const metadata: Record<string, unknown> = {
    'buildx.build.ref': `silo/silo/${randomUUID().replaceAll('-', '')}`,
    ...more,
  };
  let digest: BuildResult['digest'];
  for (const [place, output] of outputs.entries()) {
    request.signal?.throwIfAborted();
    switch (output.type) {
      case 'cacheonly':
        break;
      case 'tar':
      case 'local':
        request.onProgress({ kind: 'exporting', text: 'sending files' });
        await send(request, place, filesOf(deps.images, results, request.signal));
        break;
      case 'image':
      case 'docker':
      case 'oci': {
        const names = namesOf(request, output.names);
        await using set = await deps.images.assemble(
          assembleRequest(results, {
            form: formOf(output),
            annotations: request.annotations ?? [],
            attest: attestations(output, names),
            inline,
            signal: request.signal,
          }),
        );
        if (output.type !== 'image') {
          request.onProgress({ kind: 'exporting', text: `sending ${output.type} archive` });
          await send(request, place, set.archive(output.type, names, request.signal));
        } else await deliver(request, set, { output, names });
        // Of several the first is what the build is known by.
        if (digest === undefined) Object.assign(metadata, metadataOf(set, names));
        digest ??= set.root.digest;
      }
    }
  }
  return { image: first.image, ...(digest === undefined ? {} : { digest }), metadata };
}

/** Registries first: a name here says that all went well. */
async function deliver(
  request: BuildRequest,
  set: ImageSet,
  { output, names }: { output: Extract<BuildOutput, { type: 'image' }>; names: readonly Reference[] },
): Promise<void> {
  const { signal } = request;
  for (const name of output.isPushed ? names : []) {
    const { tag: _, ...repository } = name;
    const target = output.isByDigest ? repository : name;
    const credentials = request.credentialsOf?.(name.host);
    request.onProgress({ kind: 'exporting', text: `pushing ${familiarName(name)}` });
    await set.push({
      reference: target,
      isInsecure: output.isInsecure,
      onProgress: (progress) =>
        void request.onProgress({ kind: 'pushing', reference: formatReference(target), progress }),
      ...(credentials ? { credentials } : {}),
      ...(signal ? { signal } : {}),
    });
  }
  if (output.isStored) await set.publish(names);
}

/** What goes over a network is compressed, unless something else was said. */
function formOf(output: Extract<BuildOutput, ImageForm>): ImageForm {
  const travels = output.type === 'oci' || (output.type === 'image' && output.isPushed);
  if (!travels || output.layers.compression !== undefined) return output;
  return { ...output, layers: { ...output.layers, compression: 'gzip' } };
}

function namesOf(request: BuildRequest, more: readonly Reference[]): Reference[] {
  const names = new Map([...request.tags, ...more].map((name) => [formatReference(name), name]));
  return [...names.values()];
}

/** BuildKit's keys. */
function metadataOf(set: ImageSet, names: readonly Reference[]): Record<string, unknown> {
  const [first] = set.manifests;
  const { mediaType, digest, size }: Descriptor = set.root;
  return {
    ...(first ? { 'containerimage.config.digest': first.config.digest } : {}),
    'containerimage.descriptor': { mediaType, digest, size },
    'containerimage.digest': digest,
    ...(names.length > 0 ? { 'image.name': names.map(formatReference).join(',') } : {}),
  };
}
