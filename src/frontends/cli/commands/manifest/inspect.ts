import { notFound } from '../../../../foundation/base/errors.ts';
import { isIndexType } from '../../../../foundation/oci/media-types.ts';
import { formatReference, type Reference } from '../../../../foundation/oci/reference.ts';
import type { DescriptorJson } from '../../../../foundation/wire/docker/image.ts';
import type { RegistryManifestJson } from '../../../../foundation/wire/silo/manifests.ts';
import type { Client } from '../../../client/client.ts';
import { defineCommand } from '../../command.ts';
import { authFor } from '../../credentials/credentials.ts';
import type { CliIo } from '../../io.ts';
import {
  createManifestLists,
  formatIndex,
  noSuchList,
  rawText,
  readName,
  withDocument,
} from '../../manifests.ts';

export const command = defineCommand({
  name: 'manifest inspect',
  summary: 'Display an image manifest, or manifest list',
  usage: '[MANIFEST_LIST] MANIFEST',
  options: {
    insecure: { kind: 'bool', summary: 'Allow communication with an insecure registry' },
    verbose: { kind: 'bool', short: 'v', summary: 'Output additional info including layers and platform' },
  },
  args: { min: 1, max: 2 },
  examples: ['silo manifest inspect -v registry.example/app:v1'],
  async run({ options, args, io, client: connect }) {
    const lists = createManifestLists(io.env);
    const [first, second] = args.map(readName);
    if (first === undefined) return 1;
    const show = (one: RegistryManifestJson): void => {
      const shown: unknown = options.verbose ? withDocument(one) : JSON.parse(rawText(one));
      io.stdout.write(`${JSON.stringify(shown, undefined, '\t')}\n`);
    };
    const showList = (many: readonly RegistryManifestJson[]): void => {
      const text = options.verbose
        ? JSON.stringify(many.map(withDocument), undefined, '\t')
        : formatIndex(many.map(({ Descriptor }) => Descriptor));
      io.stdout.write(`${text}\n`);
    };
    if (second !== undefined) {
      if (!(await lists.find(first))) throw noSuchList(first);
      const one = await lists.findImage(first, second);
      if (!one)
        throw notFound(
          `manifest for image ${formatReference(second)} does not exist in ${formatReference(first)}`,
        );
      show(one);
      return 0;
    }
    const local = await lists.find(first);
    if (local) {
      showList(local);
      return 0;
    }
    const ask = askRegistry(await connect(), io, options.insecure);
    const found = await ask(first);
    if (!isIndexType(found.Descriptor.mediaType)) show(found);
    else if (options.verbose) {
      const many: RegistryManifestJson[] = [];
      for (const descriptor of entriesOf(found)) many.push(await askEntry(ask, first, descriptor));
      showList(many);
    } else io.stdout.write(`${formatIndex(entriesOf(found))}\n`);
    return 0;
  },
});

type Ask = (reference: Reference) => Promise<RegistryManifestJson>;

const askRegistry =
  (client: Client, io: CliIo, insecure: boolean): Ask =>
  async (reference) =>
    client.images.manifest(formatReference(reference), { insecure, auth: await authFor(io, reference.host) });

const entriesOf = (index: RegistryManifestJson): DescriptorJson[] =>
  (JSON.parse(rawText(index)) as { manifests: DescriptorJson[] }).manifests;

/** The index knows the platform better than the configuration. */
async function askEntry(ask: Ask, list: Reference, entry: DescriptorJson): Promise<RegistryManifestJson> {
  const { digest, platform } = entry;
  const found = await ask({ ...list, digest: digest as NonNullable<Reference['digest']> });
  return platform ? { ...found, Descriptor: { ...found.Descriptor, platform } } : found;
}
