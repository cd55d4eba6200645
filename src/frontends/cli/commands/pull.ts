import { invalid } from '../../../foundation/base/errors.ts';
import { formatReference, parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { defineCommand } from '../command.ts';
import { pullImage } from './pull-image.ts';

export const command = defineCommand({
  name: 'pull',
  summary: 'Download an image from a registry',
  usage: 'NAME[:TAG|@DIGEST]',
  aliases: ['image pull', 'pull'],
  options: {
    'all-platforms': {
      kind: 'bool',
      summary: 'Download every platform of the image, with its attestations',
    },
    'all-tags': { kind: 'bool', short: 'a', summary: 'Download all tagged images in the repository' },
    'disable-content-trust': { kind: 'bool', default: true, summary: 'Skip image verification' },
    platform: { kind: 'string', summary: 'Set platform if server is multi-platform capable' },
    quiet: { kind: 'bool', short: 'q', summary: 'Suppress verbose output' },
  },
  args: { min: 1, max: 1 },
  examples: [
    'silo pull --all-platforms registry.example/team/app:v1',
    'silo pull --all-tags registry.example/team/app',
  ],
  completion: 'images',
  async run({ options, args, io, client }) {
    const [name = ''] = args;
    const reference = parseReference(name);
    if (options['all-tags']) {
      if (reference.tag !== undefined || reference.digest !== undefined)
        throw invalid("tag can't be used with --all-tags/-a");
    } else if (!options.quiet && reference.tag === undefined && reference.digest === undefined)
      io.stdout.write('Using default tag: latest\n');
    if (options['all-platforms'] && options.platform !== '')
      throw invalid('conflicting options: --all-platforms and --platform');
    await pullImage(await client(), name, {
      io,
      out: io.stdout,
      quiet: options.quiet,
      platform: options['all-platforms'] ? 'all' : options.platform,
      allTags: options['all-tags'],
    });
    const pulled = options['all-tags'] ? reference : withDefaultTag(reference);
    io.stdout.write(`${formatReference(pulled)}\n`);
    return 0;
  },
});
