import { unsupported } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'registry gc',
  summary: 'Free what no image of a registry refers to',
  description:
    'Free what no image of a registry refers to, while nobody serves it: a running registry does this by itself. What was pushed or mounted within the last hour stays, because its manifest may be on the way.',
  usage: '',
  options: {
    'dry-run': { kind: 'bool', summary: 'Only tell what would be freed' },
    root: { kind: 'string', summary: 'Folder that holds the repositories', completion: 'files' },
    untagged: { kind: 'bool', summary: 'Also manifests without a tag that no index refers to' },
  },
  args: { min: 0, max: 0 },
  examples: [
    'silo registry gc --root /srv/registry --dry-run',
    'silo registry gc --root /srv/registry --untagged',
  ],
  run({ options, given, deps }) {
    if (!deps.collectRegistry) throw unsupported('this program has no registry');
    return deps.collectRegistry({
      dryRun: options['dry-run'],
      untagged: options.untagged,
      ...(given.has('root') ? { root: options.root } : {}),
    });
  },
});
