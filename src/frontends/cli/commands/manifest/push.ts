import { invalid } from '../../../../foundation/base/errors.ts';
import { formatReference, parseReference, repositoryName } from '../../../../foundation/oci/reference.ts';
import { defineCommand } from '../../command.ts';
import { authFor } from '../../credentials/credentials.ts';
import { createManifestLists, formatIndex, noSuchList, readName } from '../../manifests.ts';

export const command = defineCommand({
  name: 'manifest push',
  summary: 'Push a manifest list to a repository',
  usage: 'MANIFEST_LIST',
  options: {
    insecure: { kind: 'bool', summary: 'Allow push to an insecure registry' },
    purge: { kind: 'bool', short: 'p', summary: 'Remove the local manifest list after push' },
  },
  args: { min: 1, max: 1 },
  examples: ['silo manifest push --purge registry.example/app:v1'],
  async run({ options, args, io, client: connect }) {
    const list = readName(args[0] ?? '');
    const lists = createManifestLists(io.env);
    const manifests = await lists.find(list);
    if (!manifests) throw noSuchList(list);
    for (const { Ref, Descriptor } of manifests) {
      const { host } = parseReference(Ref);
      if (host !== list.host)
        throw invalid(
          `cannot use source images from a different registry than the target image: ${host} != ${list.host}`,
        );
      if (!Descriptor.platform?.architecture || !Descriptor.platform.os)
        throw invalid(`manifest ${Ref} must have an OS and Architecture to be pushed to a registry`);
    }
    const index = formatIndex(manifests.map(({ Descriptor }) => Descriptor));
    const client = await connect();
    const { Digest } = await client.images.pushIndex(
      {
        Target: formatReference(list),
        Raw: Buffer.from(index).toString('base64'),
        Sources: manifests.map(({ Ref, Descriptor: { digest } }) => ({ Ref, Digest: digest })),
        Insecure: options.insecure,
      },
      { auth: await authFor(io, list.host) },
    );
    for (const {
      Descriptor: { digest },
    } of manifests)
      io.stdout.write(`Pushed ref ${repositoryName(list)}@${digest} with digest: ${digest}\n`);
    io.stdout.write(`${Digest}\n`);
    if (options.purge) await lists.remove(list);
    return 0;
  },
});
