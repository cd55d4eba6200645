import { invalid } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import { showProgress } from '../output/progress.ts';
import { openArchive } from '../parse/read-file.ts';

export const command = defineCommand({
  name: 'load',
  summary: 'Load an image from a tar archive or STDIN',
  usage: '',
  aliases: ['image load', 'load'],
  options: {
    input: {
      kind: 'string',
      short: 'i',
      completion: 'files',
      summary: 'Read from tar archive file, instead of STDIN',
    },
    platform: {
      kind: 'string',
      summary:
        'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
    quiet: { kind: 'bool', short: 'q', summary: 'Suppress the load output' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo load -i app.tar', 'silo load --platform linux/arm64 < app.tar'],
  async run({ options, io, client }) {
    const fromStdin = options.input === '' || options.input === '-';
    if (fromStdin && io.stdin.isTTY === true)
      throw invalid('requested load from stdin, but stdin is empty', {
        hint: 'name the archive with -i, or redirect it: silo load < images.tar',
      });
    const archive: AsyncIterable<Uint8Array> = fromStdin ? io.stdin : await openArchive(options.input);
    const messages = (await client()).images.load(archive, {
      quiet: options.quiet || io.stdout.isTTY !== true,
      ...(options.platform === '' ? {} : { platform: options.platform }),
    });
    await showProgress(messages, io.stdout);
    return 0;
  },
});
