import type { Command } from '../command.ts';
import { commandGroups, commands } from './index.ts';

/** `container ls` and `ps` alike; a group's own name alone is not a command. */
export function findCommand(
  first: string,
  rest: readonly string[],
): { load: () => Promise<Command>; name: string; words: readonly string[] } | undefined {
  if (Object.hasOwn(commandGroups, first)) {
    const [second, ...words] = rest;
    const load = second === undefined ? undefined : commands.get(`${first} ${second}`);
    return load && { load, name: `${first} ${second ?? ''}`, words };
  }
  // `build history ls` and `build history` are commands, too; a folder of such a name is `./history`.
  for (let length = Math.min(2, rest.length); length >= 0; length--) {
    const name = [first, ...rest.slice(0, length)].join(' ');
    const load = commands.get(name);
    if (load !== undefined) return { load, name, words: rest.slice(length) };
  }
  return undefined;
}
