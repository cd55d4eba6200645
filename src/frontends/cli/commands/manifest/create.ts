import { conflict, invalid } from '../../../../foundation/base/errors.ts';
import { isIndexType } from '../../../../foundation/oci/media-types.ts';
import { formatReference } from '../../../../foundation/oci/reference.ts';
import { defineCommand } from '../../command.ts';
import { authFor } from '../../credentials/credentials.ts';
import { createManifestLists, readName } from '../../manifests.ts';

export const command = defineCommand({
  name: 'manifest create',
  summary: 'Create a local manifest list for annotating and pushing to a registry',
  usage: 'MANIFEST_LIST MANIFEST [MANIFEST...]',
  options: {
    amend: { kind: 'bool', short: 'a', summary: 'Amend an existing manifest list' },
    insecure: { kind: 'bool', summary: 'Allow communication with an insecure registry' },
  },
  args: { min: 2 },
  examples: [
    'silo manifest create registry.example/app:v1 registry.example/app:v1-amd64 registry.example/app:v1-arm64',
  ],
  async run({ options, args, io, client: connect }) {
    const [name = '', ...images] = args;
    const list = readName(name);
    const lists = createManifestLists(io.env);
    if (!options.amend && (await lists.find(list)))
      throw conflict('refusing to amend an existing manifest list with no --amend flag');
    const client = await connect();
    for (const each of images) {
      const image = readName(each);
      const manifest = await client.images.manifest(formatReference(image), {
        insecure: options.insecure,
        auth: await authFor(io, image.host),
      });
      if (isIndexType(manifest.Descriptor.mediaType))
        throw invalid(`${formatReference(image)} is a manifest list`);
      await lists.put(list, image, manifest);
    }
    io.stdout.write(`Created manifest list ${formatReference(list)}\n`);
    return 0;
  },
});
