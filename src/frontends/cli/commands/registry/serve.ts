import { unsupported } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'registry serve',
  summary: 'Serve a registry of images in the foreground',
  description:
    'Serve a registry of images in the foreground: the OCI distribution specification 1.1, below one folder in which each repository is an OCI image layout. Needs no daemon. Ends on SIGTERM when running requests are done.',
  usage: '',
  options: {
    addr: { kind: 'string', default: '127.0.0.1:5000', summary: 'Address to listen on: HOST:PORT' },
    root: { kind: 'string', summary: 'Folder that holds the repositories', completion: 'files' },
  },
  args: { min: 0, max: 0 },
  examples: [
    'silo registry serve --root /srv/registry',
    'silo registry serve --root /srv/registry --addr 127.0.0.1:5001',
  ],
  run({ options, given, deps }) {
    if (!deps.serveRegistry) throw unsupported('this program has no registry');
    return deps.serveRegistry({ addr: options.addr, ...(given.has('root') ? { root: options.root } : {}) });
  },
});
