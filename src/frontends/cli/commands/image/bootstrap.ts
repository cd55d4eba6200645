import { familiarName, parseReference, withDefaultTag } from '../../../../foundation/oci/reference.ts';
import { defineCommand } from '../../command.ts';
import { showProgress } from '../../output/progress.ts';

export const command = defineCommand({
  name: 'image bootstrap',
  summary: 'Make a base image from what this machine has, without a registry',
  description: `Make a base image from what this machine has, without a registry

  busybox              a few megabytes, from the machine's static busybox
  debian[:SUITE]       a minimal system from Debian's packages, through mmdebstrap; -slim leaves manuals out
  ubuntu[:SUITE]       the same from Ubuntu's
  distroless[:SUITE]   only packages and what they need to run: no shell, no package manager

The same packages give the same digest. SOURCE_DATE_EPOCH in the daemon's environment fixes the time of the files.`,
  usage: 'busybox|debian[:SUITE]|ubuntu[:SUITE]|distroless[:SUITE]',
  options: {
    mirror: { kind: 'string', summary: "Address of the archive to use in place of the machine's" },
    packages: { kind: 'strings', summary: 'Packages to put in, separated by commas' },
    quiet: { kind: 'bool', short: 'q', summary: 'Only print the image ID' },
    source: {
      kind: 'strings',
      summary:
        'Line of a sources.list to use in place of all mirrors ("deb [signed-by=FILE] ADDRESS SUITE main")',
    },
    tag: { kind: 'string', short: 't', summary: 'Name of the image, in the "name:tag" format' },
    verbose: { kind: 'bool', summary: 'Print everything that apt and mmdebstrap print' },
  },
  args: { min: 1, max: 1 },
  completion: ['busybox', 'debian:bookworm', 'debian:trixie', 'distroless:bookworm', 'ubuntu:noble'],
  examples: [
    'silo image bootstrap busybox',
    'silo image bootstrap debian:trixie-slim --packages curl,ca-certificates -t curl:1',
    'silo image bootstrap distroless:trixie --packages libssl3t64,libstdc++6 -t base:1',
  ],
  async run({ options, args, io, client }) {
    const packages = options.packages.flatMap((words) => words.split(',')).filter((name) => name !== '');
    const messages = (await client()).images.bootstrap({
      What: args[0] ?? '',
      ...(options.tag === '' ? {} : { Reference: options.tag }),
      ...(packages.length === 0 ? {} : { Packages: packages }),
      ...(options.mirror === '' ? {} : { Mirror: options.mirror }),
      ...(options.source.length === 0 ? {} : { Sources: [...options.source] }),
      ...(options.verbose ? { Verbose: true } : {}),
    });
    let made: { ID: string; Name: string } | undefined;
    const noted = async function* () {
      for await (const message of messages) {
        made = message.aux ?? made;
        yield message;
      }
    };
    if (options.quiet) for await (const message of noted()) void message;
    else await showProgress(noted(), io.stderr);
    if (made && !options.quiet) io.stderr.write(howToPublish(made.Name));
    if (made) io.stdout.write(`${made.ID}\n`);
    return 0;
  },
});

/** The image's own name when that has a registry; else one to fill in. */
export function howToPublish(name: string): string {
  const reference = withDefaultTag(parseReference(name));
  const familiar = familiarName(reference);
  if (reference.host !== 'docker.io')
    return `To publish it:\n  silo login ${reference.host}\n  silo push ${familiar}\n`;
  const published = `REGISTRY/${familiar}`;
  return `To publish it (REGISTRY: host[:port], such as one of "silo registry serve"):\n  silo tag ${familiar} ${published}\n  silo push ${published}\n`;
}
