/** What a client may do with a registry, in the order in which the page shows it. */
export const operations = [
  'push',
  'pull',
  'copy an index both ways',
  'list tags',
  'search',
  'delete',
  'log in',
  'be refused with a wrong password',
  'refuse an unknown authority',
] as const;
export type Operation = (typeof operations)[number];

export type RegistryKind = 'plain' | 'tls' | 'password';

/** The registries, each as it is started. */
export const registryKinds: Record<RegistryKind, string> = {
  plain: 'plain HTTP on loopback',
  tls: 'TLS, an authority of its own',
  password: 'htpasswd',
};

/** Each registry in the forms in which it is started. */
export const registries = {
  'docker-registry': ['plain', 'tls', 'password'],
  'silo registry serve': ['plain', 'tls', 'password'],
} as const satisfies Record<string, readonly RegistryKind[]>;
export type RegistryName = keyof typeof registries;

/** All pairs of a registry and a form. */
export const registryPairs = Object.entries(registries).flatMap(([name, kinds]) =>
  kinds.map((kind) => ({ registry: name as RegistryName, kind })),
);

export const clientNames = ['skopeo', 'podman', 'buildah', 'docker', 'silo', 'dockerd'] as const;
export type ClientName = (typeof clientNames)[number];

export const clientTitles: Record<ClientName, string> = {
  skopeo: 'skopeo 1.9 (Debian 12)',
  podman: 'Podman 4.3 (Debian 12)',
  buildah: 'Buildah 1.28 (Debian 12)',
  docker: 'the Docker CLI, through a Silo daemon',
  silo: '`silo`, through its daemon',
  dockerd: 'Docker 26.1 (Debian 13), where it is given',
};

const ownList = 'it makes an index of its own, with another digest';
const noDelete = 'it has no such command';
const noSearch = noDelete;

/** What a client cannot do by itself, with why; everything else is tested. */
export const lacks: Record<ClientName, Partial<Record<Operation, string>>> = {
  skopeo: { search: noSearch },
  podman: { 'copy an index both ways': ownList, delete: noDelete },
  buildah: {
    'copy an index both ways': ownList,
    delete: noDelete,
    'list tags': 'it has no such command',
    search: noSearch,
  },
  docker: {
    'copy an index both ways': 'its pull brings one platform',
    delete: noDelete,
    'list tags': 'it has no such command',
  },
  silo: {
    delete: noDelete,
    'list tags': 'it has no such command',
  },
  dockerd: {
    'copy an index both ways': 'its pull brings one platform',
    delete: noDelete,
    'list tags': 'it has no such command',
    'refuse an unknown authority': 'on loopback it takes any',
  },
};

/** Why there is no such cell; undefined when it is tested. */
export function missing(
  client: ClientName,
  registry: RegistryName,
  operation: Operation,
): string | undefined {
  if (lacks[client][operation] !== undefined) return lacks[client][operation];
  // Podman then makes do with the catalog.
  const hasNone = operation === 'search' && registry === 'docker-registry' && client !== 'podman';
  return hasNone ? 'this registry has no search' : undefined;
}

/** Whether the operation means anything with such a registry. */
export function concerns(operation: Operation, kind: RegistryKind): boolean {
  if (operation === 'log in' || operation === 'be refused with a wrong password') return kind === 'password';
  return operation !== 'refuse an unknown authority' || kind === 'tls';
}

/** The page's table: one row per client and registry. */
export function formatMatrix(): string {
  const lines = [
    `| client | registry | ${operations.join(' | ')} |`,
    `|---|---|${operations.map(() => '---').join('|')}|`,
  ];
  const notes: string[] = [];
  for (const client of clientNames)
    for (const { registry, kind } of registryPairs) {
      const cells = operations.map((operation) => {
        if (!concerns(operation, kind)) return '';
        const reason = missing(client, registry, operation);
        if (reason === undefined) return 'yes';
        if (!notes.includes(reason)) notes.push(reason);
        return `no (${notes.indexOf(reason) + 1})`;
      });
      lines.push(`| ${clientTitles[client]} | ${registry}, ${registryKinds[kind]} | ${cells.join(' | ')} |`);
    }
  return `${lines.join('\n')}\n\n${notes.map((note, index) => `${index + 1}. ${note}`).join('\n')}\n`;
}
