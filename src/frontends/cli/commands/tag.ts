import { invalid, toSiloError } from '../../../foundation/base/errors.ts';
import { parseReference } from '../../../foundation/oci/reference.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'tag',
  summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  aliases: ['image tag', 'tag'],
  options: {},
  args: { min: 2, max: 2 },
  completion: 'images',
  furtherCompletion: [],
  examples: ['silo tag app:v1 registry.example/team/app:v1'],
  async run({ args, client }) {
    const [source = '', target = ''] = args;
    const reference = parseTarget(target);
    if (reference.digest !== undefined) throw invalid('refusing to create a tag with a digest reference');
    const repo = `${reference.host}/${reference.path}`;
    await (await client()).images.tag(source, { repo, tag: reference.tag ?? 'latest' });
    return 0;
  },
});

function parseTarget(target: string): Reference {
  try {
    return parseReference(target);
  } catch (cause) {
    const why = toSiloError(cause).message;
    throw invalid(
      `Error parsing reference: ${JSON.stringify(target)} is not a valid repository/tag: ${why}`,
      { cause },
    );
  }
}
