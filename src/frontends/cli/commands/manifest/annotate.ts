import { notFound } from '../../../../foundation/base/errors.ts';
import { formatReference } from '../../../../foundation/oci/reference.ts';
import { defineCommand } from '../../command.ts';
import {
  createManifestLists,
  noSuchList,
  orderPlatform,
  readName,
  requireKnownPlatform,
} from '../../manifests.ts';

export const command = defineCommand({
  name: 'manifest annotate',
  summary: 'Add additional information to a local image manifest',
  usage: 'MANIFEST_LIST MANIFEST',
  options: {
    arch: { kind: 'string', summary: 'Set architecture' },
    os: { kind: 'string', summary: 'Set operating system' },
    'os-features': { kind: 'strings', summary: 'Set operating system feature' },
    'os-version': { kind: 'string', summary: 'Set operating system version' },
    variant: { kind: 'string', summary: 'Set architecture variant' },
  },
  args: { min: 2, max: 2 },
  examples: [
    'silo manifest annotate --arch arm --variant v7 registry.example/app:v1 registry.example/app:v1-arm',
  ],
  async run({ options, args, io }) {
    const [list, image] = [readName(args[0] ?? ''), readName(args[1] ?? '')];
    const lists = createManifestLists(io.env);
    if (!(await lists.find(list))) throw noSuchList(list);
    const manifest = await lists.findImage(list, image);
    if (!manifest)
      throw notFound(
        `manifest for image ${formatReference(image)} does not exist in ${formatReference(list)}`,
      );
    const before = manifest.Descriptor.platform ?? { os: '', architecture: '' };
    const platform = orderPlatform({
      ...before,
      ...(options.os === '' ? {} : { os: options.os }),
      ...(options.arch === '' ? {} : { architecture: options.arch }),
      ...(options['os-version'] === '' ? {} : { 'os.version': options['os-version'] }),
      ...(options.variant === '' ? {} : { variant: options.variant }),
      'os.features': [...new Set([...(before['os.features'] ?? []), ...options['os-features']])],
    });
    requireKnownPlatform(platform, `${options.os}/${options.arch}`);
    await lists.put(list, image, { ...manifest, Descriptor: { ...manifest.Descriptor, platform } });
    return 0;
  },
});
