import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { parseReference } from '../../../foundation/oci/reference.ts';
import { defineCommand } from '../command.ts';
import { showProgress } from '../output/progress.ts';
import { readFailure } from '../parse/read-file.ts';

export const command = defineCommand({
  name: 'import',
  summary: 'Import the contents from a tarball to create a filesystem image',
  usage: 'file|URL|- [REPOSITORY[:TAG]]',
  aliases: ['image import', 'import'],
  options: {
    change: { kind: 'list', short: 'c', summary: 'Apply Dockerfile instruction to the created image' },
    message: { kind: 'string', short: 'm', summary: 'Set commit message for imported image' },
    platform: { kind: 'string', summary: 'Set platform if server is multi-platform capable' },
  },
  args: { min: 1 },
  completion: 'files',
  examples: [
    'silo import rootfs.tar.gz base:1',
    'silo export web | silo import -c \'CMD ["sh"]\' - web:flat',
  ],
  async run({ options, args, io, client }) {
    const [source = '', name] = args;
    const isUrl = /^https?:\/\//.test(source);
    if (name !== undefined) parseReference(name);
    if (!isUrl && source !== '-') await checkReadable(source);
    const archive = source === '-' ? io.stdin : createArchive(isUrl, source);
    const messages = (await client()).images.import({
      source: isUrl ? source : '-',
      ...(archive === undefined ? {} : { archive }),
      ...(name === undefined ? {} : { repo: name }),
      ...(options.message === '' ? {} : { message: options.message }),
      ...(options.platform === '' ? {} : { platform: options.platform }),
      changes: options.change,
    });
    await showProgress(messages, io.stdout);
    return 0;
  },
});

const createArchive = (isUrl: boolean, path: string): AsyncIterable<Uint8Array> | undefined =>
  isUrl ? undefined : createReadStream(path, { highWaterMark: 1 << 20 });

async function checkReadable(path: string): Promise<void> {
  try {
    await (await open(path)).close();
  } catch (error) {
    throw readFailure(path, error);
  }
}
