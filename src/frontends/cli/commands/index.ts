import type { Command, CommandGroup } from '../command.ts';

type Loader = () => Promise<Command>;
type CommandModule = Promise<{ command: Command }>;

const from =
  (load: () => CommandModule): Loader =>
  async () =>
    (await load()).command;

const loaders = {
  attach: from(() => import('./attach.ts')),
  build: from(() => import('./build.ts')),
  commit: from(() => import('./commit.ts')),
  completion: from(() => import('./completion.ts')),
  cp: from(() => import('./cp.ts')),
  create: from(() => import('./create.ts')),
  daemon: from(() => import('./daemon.ts')),
  diff: from(() => import('./diff.ts')),
  doctor: from(() => import('./doctor.ts')),
  events: from(() => import('./events.ts')),
  exec: from(() => import('./exec.ts')),
  export: from(() => import('./export.ts')),
  fsck: from(() => import('./fsck.ts')),
  history: from(() => import('./history.ts')),
  images: from(() => import('./images.ts')),
  import: from(() => import('./import.ts')),
  info: from(() => import('./info.ts')),
  inspect: from(() => import('./inspect.ts')),
  kill: from(() => import('./kill.ts')),
  load: from(() => import('./load.ts')),
  login: from(() => import('./login.ts')),
  logout: from(() => import('./logout.ts')),
  logs: from(() => import('./logs.ts')),
  pause: from(() => import('./pause.ts')),
  port: from(() => import('./port.ts')),
  ps: from(() => import('./ps.ts')),
  pull: from(() => import('./pull.ts')),
  push: from(() => import('./push.ts')),
  rename: from(() => import('./rename.ts')),
  restart: from(() => import('./restart.ts')),
  rm: from(() => import('./rm.ts')),
  rmi: from(() => import('./rmi.ts')),
  run: from(() => import('./run.ts')),
  save: from(() => import('./save.ts')),
  search: from(() => import('./search.ts')),
  start: from(() => import('./start.ts')),
  stats: from(() => import('./stats.ts')),
  stop: from(() => import('./stop.ts')),
  tag: from(() => import('./tag.ts')),
  top: from(() => import('./top.ts')),
  unpause: from(() => import('./unpause.ts')),
  update: from(() => import('./update.ts')),
  version: from(() => import('./version.ts')),
  wait: from(() => import('./wait.ts')),
  'container inspect': from(() => import('./container/inspect.ts')),
  'container prune': from(() => import('./container/prune.ts')),
  'image bootstrap': from(() => import('./image/bootstrap.ts')),
  'image inspect': from(() => import('./image/inspect.ts')),
  'image pin': from(() => import('./image/pin.ts')),
  'image prune': from(() => import('./image/prune.ts')),
  'image tree': from(() => import('./image/tree.ts')),
  'image unpin': from(() => import('./image/unpin.ts')),
  'manifest annotate': from(() => import('./manifest/annotate.ts')),
  'manifest create': from(() => import('./manifest/create.ts')),
  'manifest inspect': from(() => import('./manifest/inspect.ts')),
  'manifest push': from(() => import('./manifest/push.ts')),
  'manifest rm': from(() => import('./manifest/rm.ts')),
  'network connect': from(() => import('./network/connect.ts')),
  'network create': from(() => import('./network/create.ts')),
  'network disconnect': from(() => import('./network/disconnect.ts')),
  'network inspect': from(() => import('./network/inspect.ts')),
  'network ls': from(() => import('./network/ls.ts')),
  'network prune': from(() => import('./network/prune.ts')),
  'network repair': from(() => import('./network/repair.ts')),
  'network rm': from(() => import('./network/rm.ts')),
  'registry gc': from(() => import('./registry/gc.ts')),
  'registry serve': from(() => import('./registry/serve.ts')),
  'system df': from(() => import('./system/df.ts')),
  'system prune': from(() => import('./system/prune.ts')),
  'tls client': from(() => import('./tls/client.ts')),
  'tls init': from(() => import('./tls/init.ts')),
  'tls show': from(() => import('./tls/show.ts')),
  'volume clone': from(() => import('./volume/clone.ts')),
  'volume create': from(() => import('./volume/create.ts')),
  'volume export': from(() => import('./volume/export.ts')),
  'volume import': from(() => import('./volume/import.ts')),
  'volume inspect': from(() => import('./volume/inspect.ts')),
  'volume ls': from(() => import('./volume/ls.ts')),
  'volume prune': from(() => import('./volume/prune.ts')),
  'volume rm': from(() => import('./volume/rm.ts')),
} as const satisfies Record<string, Loader>;

type Loadable = keyof typeof loaders;

/** Longer names of commands, as groups have them. */
const aliases: Record<string, Loadable> = {
  'container ls': 'ps',
  'container list': 'ps',
  'container ps': 'ps',
  'container remove': 'rm',
  'image ls': 'images',
  'image list': 'images',
  'image rm': 'rmi',
  'image remove': 'rmi',
  'network list': 'network ls',
  'network remove': 'network rm',
  'volume list': 'volume ls',
  'volume remove': 'volume rm',
  'system info': 'info',
  'system events': 'events',
};
for (const name of [
  'attach',
  'commit',
  'cp',
  'create',
  'diff',
  'exec',
  'export',
  'kill',
  'logs',
  'pause',
  'port',
  'rename',
  'restart',
  'rm',
  'run',
  'start',
  'stats',
  'stop',
  'top',
  'unpause',
  'update',
  'wait',
] as const)
  aliases[`container ${name}`] = name;
for (const name of ['build', 'history', 'import', 'load', 'pull', 'push', 'save', 'tag'] as const)
  aliases[`image ${name}`] = name;

/** Every command by its words. Nothing is loaded until it is called. */
export const commands: ReadonlyMap<string, Loader> = new Map<string, Loader>([
  ...Object.entries(loaders),
  ...Object.entries(aliases).map(([alias, name]): [string, Loader] => [alias, loaders[name]]),
]);

/** What help lists below a group; the words are looked up in `commands`. */
export const commandGroups: Readonly<Record<string, CommandGroup>> = {
  container: {
    summary: 'Manage containers',
    members: [
      'attach',
      'commit',
      'cp',
      'create',
      'diff',
      'exec',
      'export',
      'inspect',
      'kill',
      'logs',
      'ls',
      'pause',
      'port',
      'prune',
      'rename',
      'restart',
      'rm',
      'run',
      'start',
      'stats',
      'stop',
      'top',
      'unpause',
      'update',
      'wait',
    ],
  },
  image: {
    summary: 'Manage images',
    members: [
      'bootstrap',
      'build',
      'history',
      'import',
      'inspect',
      'load',
      'ls',
      'pin',
      'prune',
      'pull',
      'push',
      'rm',
      'save',
      'tag',
      'tree',
      'unpin',
    ],
  },
  manifest: {
    summary: 'Manage manifests and manifest lists of registries',
    members: ['annotate', 'create', 'inspect', 'push', 'rm'],
  },
  network: {
    summary: 'Manage networks',
    members: ['connect', 'create', 'disconnect', 'inspect', 'ls', 'prune', 'rm'],
  },
  registry: { summary: 'Serve images to others', members: ['gc', 'serve'] },
  system: { summary: 'Manage Silo', members: ['df', 'events', 'info', 'prune'] },
  tls: {
    summary: 'Make certificates for engines that are asked from other machines',
    members: ['client', 'init', 'show'],
  },
  volume: {
    summary: 'Manage volumes',
    members: ['clone', 'create', 'export', 'import', 'inspect', 'ls', 'prune', 'rm'],
  },
};

/** Commands that help shows first. */
export const commonCommands: readonly string[] = ['run', 'exec', 'ps', 'pull', 'images', 'version', 'info'];

/** The rest of the short forms, as help lists them. */
export const plainCommands: readonly string[] = Object.keys(loaders).filter(
  (name) => !name.includes(' ') && !commonCommands.includes(name),
);
