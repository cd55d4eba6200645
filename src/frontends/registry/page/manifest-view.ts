import type { Registry } from '../../../engine/registry/registry.ts';
import { parseImageConfig } from '../../../foundation/oci/image-config.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type ManifestDocument, parseManifestDocument } from '../../../foundation/oci/manifest.ts';
import type { RepositoryName } from '../../../foundation/oci/repository-name.ts';
import type { OpenBlob } from '../../../resources/registry/store.ts';
import { type Html, markup } from './markup.ts';
import { linkTo } from './layout.ts';
import { formatBytes, shorten } from './units.ts';

const shownRows = 200;
const shownAnnotations = 50;
const configLimitBytes = 1 << 20;
const configTypes = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];

/** What a manifest holds: an image's layers and history, an index's platforms, or an artifact's parts. Documents that cannot be read say so. */
export async function viewManifest(
  registry: Pick<Registry, 'blobs'>,
  repository: RepositoryName,
  document: { mediaType: string; bytes: Uint8Array },
): Promise<Html> {
  let parsed: ManifestDocument;
  try {
    parsed = parseManifestDocument(document.bytes, document.mediaType);
  } catch (error) {
    return markup`<p>The manifest cannot be shown: ${error instanceof Error ? shorten(error.message) : ''}</p>`;
  }
  if (parsed.kind === 'index') {
    const { manifests, annotations } = parsed.index;
    return markup`${platforms(repository, manifests)}${annotationTable(annotations)}`;
  }
  const { config, layers, annotations, artifactType } = parsed.manifest;
  const total = layers.reduce((sum, { size }) => sum + size, 0);
  const isImage = configTypes.includes(config.mediaType);
  const kind = artifactType ?? (isImage ? undefined : config.mediaType);
  return markup`${kind === undefined ? undefined : markup`<p>Artifact of type <code>${shorten(kind)}</code></p>`}
    ${isImage ? await viewConfig(registry, repository, { config, layers: layers.length }) : undefined}
    <h2>Layers: ${layers.length}, ${formatBytes(total)}</h2>
    ${descriptorTable(layers)}${annotationTable(annotations)}`;
}

function platforms(repository: RepositoryName, manifests: readonly Descriptor[]): Html {
  const rows = manifests.slice(0, shownRows).map(
    ({ platform, digest, size, mediaType, annotations }) =>
      markup`<tr>
        <td>
          <a href="${linkTo({ repository, reference: digest })}">${platform ? shorten([platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join('/'), 80) : shorten(annotations?.['vnd.docker.reference.type'] ?? mediaType, 80)}</a>
        </td>
        <td><code>${digest}</code></td>
        <td class="number">${formatBytes(size)}</td>
      </tr>`,
  );
  return markup`<h2>Platforms</h2>
    <table>
      <tr>
        <th>platform</th>
        <th>manifest</th>
        <th class="number">size</th>
      </tr>
      ${rows}
    </table>
    ${rest(manifests.length)}`;
}

function descriptorTable(descriptors: readonly Descriptor[]): Html {
  const rows = descriptors.slice(0, shownRows).map(
    ({ digest, size, mediaType, annotations }) =>
      markup`<tr>
        <td>
          <code>${digest}</code><br /><span class="dim">${shorten(mediaType, 120)}
            ${shorten(annotations?.['org.opencontainers.image.title'] ?? '', 120)}</span
          >
        </td>
        <td class="number">${formatBytes(size)}</td>
      </tr>`,
  );
  return markup`<table>
      <tr>
        <th>digest</th>
        <th class="number">size</th>
      </tr>
      ${rows}
    </table>
    ${rest(descriptors.length)}`;
}

const rest = (count: number): Html | undefined =>
  count > shownRows ? markup`<p class="dim">and ${count - shownRows} more</p>` : undefined;

function annotationTable(annotations: Readonly<Record<string, string>> | undefined): Html | undefined {
  const entries = Object.entries(annotations ?? {}).slice(0, shownAnnotations);
  if (entries.length === 0) return undefined;
  return markup`<h2>Annotations</h2>
    <table>
      ${entries.map(
        ([name, value]) =>
          markup`<tr>
            <td>${shorten(name, 120)}</td>
            <td>${shorten(value)}</td>
          </tr>`,
      )}
    </table>`;
}

async function viewConfig(
  { blobs }: Pick<Registry, 'blobs'>,
  repository: RepositoryName,
  { config, layers }: { config: Descriptor; layers: number },
): Promise<Html | undefined> {
  if (config.size > configLimitBytes) return undefined;
  try {
    await using open = await blobs.open(repository, config.digest);
    if (open.sizeBytes > configLimitBytes) return undefined;
    const image = parseImageConfig(await readWhole(open), layers);
    const run = image.config;
    const facts: [string, string | undefined][] = [
      [
        'platform',
        [image.os, image.architecture, image.variant].filter((part) => part !== undefined).join('/'),
      ],
      ['created', image.created],
      ['entrypoint', run?.Entrypoint?.join(' ')],
      ['command', run?.Cmd?.join(' ')],
      ['user', run?.User],
      ['ports', Object.keys(run?.ExposedPorts ?? {}).join(' ')],
      ['working folder', run?.WorkingDir],
    ];
    const rows = facts
      .filter(([, value]) => value !== undefined && value !== '')
      .map(
        ([name, value]) =>
          markup`<tr>
            <th>${name}</th>
            <td>${shorten(value ?? '')}</td>
          </tr>`,
      );
    const steps = (image.history ?? []).slice(0, shownRows).map(
      (step) =>
        markup`<tr>
          <td class="dim">${shorten(step.created ?? '', 30)}</td>
          <td><code>${shorten(step.created_by ?? step.comment ?? '')}</code></td>
        </tr>`,
    );
    return markup`<table>
        ${rows}
      </table>
      ${annotationTable(run?.Labels)}${
        steps.length === 0
          ? undefined
          : markup`<h2>History</h2>
              <table>
                ${steps}
              </table>`
      }`;
  } catch {
    // A configuration that is missing or strange leaves the manifest, which is what was asked for.
    return markup`<p class="dim">The image's configuration cannot be shown.</p>`;
  }
}

async function readWhole({ content, sizeBytes }: OpenBlob): Promise<Uint8Array> {
  if (content.kind === 'file') {
    const buffer = Buffer.alloc(sizeBytes);
    const { bytesRead } = await content.file.read(buffer, 0, sizeBytes, 0);
    return buffer.subarray(0, bytesRead);
  }
  const parts: Buffer[] = [];
  for await (const part of content.read(0, sizeBytes) as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}
