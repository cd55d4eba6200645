import { invalid, unsupported } from '../../../foundation/base/errors.ts';
import { formatReference, parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { defineCommand } from '../command.ts';
import { pullImage } from './pull-image.ts';

export const command = defineCommand({
  name: 'pull',
  summary: 'Download an image from a registry',
  usage: 'NAME[:TAG|@DIGEST]',
  aliases: ['image pull', 'pull'],
  options: {
    'all-tags': { kind: 'bool', short: 'a', summary: 'Download all tagged images in the repository' },
    'disable-content-trust': { kind: 'bool', default: true, summary: 'Skip image verification' },
    platform: { kind: 'string', summary: 'Set platform if server is multi-platform capable' },
    quiet: { kind: 'bool', short: 'q', summary: 'Suppress verbose output' },
  },
  args: { min: 1, max: 1 },
  completion: 'images',
  async run({ options, args, io, client }) {
    const [name = ''] = args;
    const reference = parseReference(name);
    if (options['all-tags']) {
      if (reference.tag !== undefined || reference.digest !== undefined)
        throw invalid("tag can't be used with --all-tags/-a");
      throw unsupported('--all-tags is not supported yet: name the tag to pull');
    }
    if (!options.quiet && reference.tag === undefined && reference.digest === undefined)
      io.stdout.write('Using default tag: latest\n');
    await pullImage(await client(), name, {
      io,
      out: io.stdout,
      quiet: options.quiet,
      platform: options.platform,
    });
    io.stdout.write(`${formatReference(withDefaultTag(reference))}\n`);
    return 0;
  },
});
