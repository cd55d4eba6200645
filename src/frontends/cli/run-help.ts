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
    io.stderr.write(`unknown help topic: ${name}\n`);
    return 1;
  }
  io.stdout.write(formatCommandHelp(command, name, columns));
  return 0;
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

/** A line that names commands like the one that was typed; empty when none is near. */
export function similarCommands(typed: string): string {
  const names = [...commands.keys(), ...Object.keys(commandGroups)].filter((name) => !name.includes(' '));
  const near = nearest(typed, names);
  return near.length === 0
    ? ''
    : `\nHint: did you mean ${near.map((name) => `'silo ${name}'`).join(', ')}?\n`;
}
