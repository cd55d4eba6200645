import { invalid } from '../../../foundation/base/errors.ts';
import { formatReference, parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { defineCommand } from '../command.ts';
import { authFor } from '../credentials/credentials.ts';
import { showProgress } from '../output/progress.ts';

export const command = defineCommand({
  name: 'push',
  summary: 'Upload an image to a registry',
  usage: 'NAME[:TAG]',
  aliases: ['image push', 'push'],
  options: {
    'all-tags': { kind: 'bool', short: 'a', summary: 'Push all tags of an image to the repository' },
    'disable-content-trust': { kind: 'bool', default: true, summary: 'Skip image signing' },
    platform: {
      kind: 'string',
      summary:
        'Push a platform-specific manifest as a single-platform image to the registry. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
    quiet: { kind: 'bool', short: 'q', summary: 'Suppress verbose output' },
  },
  args: { min: 1, max: 1 },
  examples: [
    'silo push registry.example:5000/team/app:v1',
    'silo push --all-tags registry.example:5000/team/app',
  ],
  completion: 'images',
  async run({ options, args, io, client }) {
    const [name = ''] = args;
    const named = parseReference(name);
    const all = options['all-tags'];
    if (all && (named.tag !== undefined || named.digest !== undefined))
      throw invalid("tag can't be used with --all-tags/-a");
    if (named.digest !== undefined) throw invalid('cannot push a digest reference');
    if (!all && named.tag === undefined && !options.quiet) io.stdout.write('Using default tag: latest\n');
    const reference = all ? named : withDefaultTag(named);
    const auth = await authFor(io, reference.host);
    const messages = (await client()).images.push({
      ...(auth ? { auth } : {}),
      name: `${reference.host}/${reference.path}`,
      ...(reference.tag === undefined ? {} : { tag: reference.tag }),
      ...(options.platform === '' ? {} : { platform: options.platform }),
    });
    if (options.quiet) {
      for await (const message of messages) void message;
      io.stdout.write(`${formatReference(reference)}\n`);
    } else await showProgress(messages, io.stdout);
    return 0;
  },
});
