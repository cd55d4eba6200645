import { type GivenOptions, registryOptions } from '../../../../engine/registry/settings.ts';
import { unsupported } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'registry serve',
  summary: 'Serve a registry of images in the foreground',
  description:
    'Serve a registry of images in the foreground: the OCI distribution specification 1.1, below one folder in which each repository is an OCI image layout. Needs no daemon. Ends on SIGTERM when running requests are done; SIGHUP reads certificates again and opens the access log anew. Files of users and rights are read again when they change.',
  usage: '',
  options: {
    ...registryOptions,
    addr: { ...registryOptions.addr, shown: '127.0.0.1:5000' },
    root: { ...registryOptions.root, shown: '/var/lib/silo-registry' },
  },
  args: { min: 0, max: 0 },
  examples: [
    'silo registry serve --root /srv/registry',
    'silo registry serve --root /srv/registry --addr 0.0.0.0:443 --tls-cert reg.crt --tls-key reg.key --htpasswd users',
    'silo registry serve --htpasswd users --access-file rights --anonymous-read',
    'silo registry serve --pull-through docker.io --pull-through-limit 50GB',
    'silo registry serve --quota 200GB --repository-quota 10GB --metrics-addr 127.0.0.1:9100 --access-log access.log',
  ],
  run({ options, given, deps }) {
    if (!deps.serveRegistry) throw unsupported('this program has no registry');
    const words = Object.entries(options).filter(([name]) => given.has(name));
    return deps.serveRegistry({ given: Object.fromEntries(words) as GivenOptions });
  },
});
