import type { Command } from './command.ts';
import { commandGroups, commands, commonCommands, plainCommands } from './commands/index.ts';
import { globalOptions } from './globals.ts';
import { formatCommandHelp, formatOptions } from './help.ts';
import type { CliIo } from './io.ts';
import { nearest } from '../../foundation/base/nearest.ts';

/** `silo help`, `silo help run`, `silo help container ls`, `silo container`. */
export async function runHelp(words: readonly string[], io: CliIo): Promise<number> {
  const columns = io.stdout.columns ?? 80;
  const name = words.join(' ');
  if (name === '') {
    io.stdout.write(await formatTopLevel(columns));
    return 0;
  }
  if (Object.hasOwn(commandGroups, name)) {
    io.stdout.write(await formatGroup(name));
    return 0;
  }
  const command = await commands.get(name)?.();
  if (command === undefined) {
    const [first = '', second] = words;
    const near = second === undefined ? similarCommands(first) : similarMembers(first, second);
    io.stderr.write(`unknown help topic: ${name}\n${near}`);
    return 1;
  }
  io.stdout.write(await commandHelp(command, name, columns));
  return 0;
}

/** The command's own help, with the commands that stand below it: `build history`. */
export async function commandHelp(command: Command, name: string, columns: number): Promise<string> {
  const names = [...commands.keys()].filter((each) => each.startsWith(`${command.name} `));
  const loaded = await Promise.all(names.map(async (each) => commands.get(each)?.()));
  // Aliases are the same command under another name.
  const below = loaded
    .filter((each, index) => each?.name === names[index])
    .filter((each) => each !== undefined);
  const list = below.length === 0 ? '' : `\nCommands:\n${formatList(below)}`;
  return `${formatCommandHelp(command, name, columns)}${list}`;
}

async function formatTopLevel(columns: number): Promise<string> {
  const [common, plain] = await Promise.all([load(commonCommands), load(plainCommands)]);
  const groups = Object.entries(commandGroups).map(([name, group]) => ({ name, summary: group.summary }));
  return [
    "Usage:  silo [OPTIONS] COMMAND\n\nA container engine: Docker's API and words, faster, safer by default, kinder to use\n",
    `Common Commands:\n${formatList(common)}`,
    `Management Commands:\n${formatList(groups)}`,
    `Commands:\n${formatList(plain)}`,
    `Global Options:\n${formatOptions(globalOptions, columns)}`,
    "Run 'silo COMMAND --help' for more information on a command.\n",
  ].join('\n');
}

async function formatGroup(group: string): Promise<string> {
  const { summary, members } = commandGroups[group] ?? { summary: '', members: [] };
  const list = await load(members, (name) => `${group} ${name}`);
  return `Usage:  silo ${group} COMMAND\n\n${summary}\n\nCommands:\n${formatList(list)}\nRun 'silo ${group} COMMAND --help' for more information on a command.\n`;
}

type Listed = Pick<Command, 'name' | 'summary'>;

async function load(names: readonly string[], words = (name: string): string => name): Promise<Listed[]> {
  const loaded = await Promise.all(
    names.map(async (name) => {
      const command = await commands.get(words(name))?.();
      return command === undefined || command.hidden === true ? [] : [{ name, summary: command.summary }];
    }),
  );
  return loaded.flat();
}

function formatList(entries: readonly Listed[]): string {
  const width = Math.max(11, ...entries.map(({ name }) => name.length + 1));
  return entries.map(({ name, summary }) => `  ${name.padEnd(width)} ${summary}\n`).join('');
}

const swarm =
  'Silo runs one machine, there is no swarm: use Compose, or --restart and systemd (docs/from-docker.md)';

/** What to do about commands of Docker that this program has not. */
const insteadOfDockers: Readonly<Record<string, string>> = {
  buildx: '`silo build` does what `docker buildx build` does',
  checkpoint:
    'there are no checkpoints; `silo pause` stops a container for a while, `silo commit` keeps its files',
  compose: 'run Compose itself, asking Silo: DOCKER_HOST=unix:///run/silo/silo.sock docker-compose up',
  config: swarm,
  node: swarm,
  plugin:
    'there are no plugins: volumes mount NFS, SMB, FUSE and disks, logs go to syslog and the journal (docs/volumes.md, docs/logs.md)',
  secret: swarm,
  service: swarm,
  stack: swarm,
  swarm,
  trust: 'there is no content trust: name images by digest, NAME@sha256:…',
};

/** A line that names commands like the one that was typed; empty when none is near. */
export function similarCommands(typed: string): string {
  const instead = Object.hasOwn(insteadOfDockers, typed) ? insteadOfDockers[typed] : undefined;
  if (instead !== undefined) return `\nHint: ${instead}\n`;
  const names = [...commands.keys(), ...Object.keys(commandGroups)].filter((name) => !name.includes(' '));
  const hint = didYouMean(nearest(typed, names));
  return hint === '' ? '' : `\n${hint}`;
}

/** The same for the word behind a group: `silo container lss`; also a command that stands elsewhere: `silo container images`. */
export function similarMembers(group: string, typed: string): string {
  const members = commandGroups[group]?.members ?? [];
  const near = nearest(typed, members).map((name) => `${group} ${name}`);
  return didYouMean(near.length === 0 && commands.has(typed) ? [typed] : near);
}

const didYouMean = (names: readonly string[]): string =>
  names.length === 0 ? '' : `Hint: did you mean ${names.map((name) => `'silo ${name}'`).join(', ')}?\n`;
