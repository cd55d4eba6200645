import { parseReference, familiarRepository } from '../../../foundation/oci/reference.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'commit',
  summary: "Create a new image from a container's changes",
  usage: 'CONTAINER [REPOSITORY[:TAG]]',
  aliases: ['container commit', 'commit'],
  options: {
    author: {
      kind: 'string',
      short: 'a',
      summary: 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")',
    },
    change: { kind: 'list', short: 'c', summary: 'Apply Dockerfile instruction to the created image' },
    message: { kind: 'string', short: 'm', summary: 'Commit message' },
    pause: { kind: 'bool', short: 'p', default: true, summary: 'Pause container during commit' },
  },
  args: { min: 1, max: 2 },
  examples: ['silo commit -m "with a page" -c \'CMD ["httpd", "-f"]\' web site:1'],
  completion: 'containers',
  async run({ options, args, client, io }) {
    const [container = '', name] = args;
    const { Id } = await (
      await client()
    ).containers.commit(container, {
      ...(name ? targetOf(name) : {}),
      comment: options.message,
      author: options.author,
      pause: options.pause,
      changes: options.change,
    });
    io.stdout.write(`${Id}\n`);
    return 0;
  },
});

function targetOf(name: string): { repo: string; tag?: string } {
  const reference = parseReference(name);
  if (reference.digest !== undefined) return { repo: name };
  const repo = familiarRepository(reference);
  return reference.tag === undefined ? { repo } : { repo, tag: reference.tag };
}
