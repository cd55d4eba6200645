import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from '../../src/frontends/cli/command.ts';
import { findCommand } from '../../src/frontends/cli/commands/find.ts';
import { commandGroups, commands } from '../../src/frontends/cli/commands/index.ts';
import { globalOptions } from '../../src/frontends/cli/globals.ts';
import { parseOptions } from '../../src/frontends/cli/options.ts';
import { commandLines } from './command-lines.ts';

const root = join(import.meta.dir, '../..');
const inDocs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
const pages = ['README.md', 'CONTRIBUTING.md', 'examples/README.md', ...inDocs.map((name) => `docs/${name}`)];
const read = (page: string): string => readFileSync(join(root, page), 'utf8');

test('what pages link to is there', () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?![a-z]+:)([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test('every page is found from the first one', () => {
  const index = read('docs/README.md');
  const unlisted = inDocs.filter((name) => name !== 'README.md' && !index.includes(`(${name})`));
  expect(unlisted).toEqual([]);
});

test('every command line that pages and examples of help show is one that silo takes', async () => {
  const shown = pages.flatMap((page) => commandLines(read(page)).map((line) => ({ where: page, ...line })));
  for (const [name, load] of commands)
    for (const example of (await load()).examples ?? [])
      shown.push(
        ...commandLines(`\`\`\`\n${example}\n\`\`\``).map((line) => ({ where: `help of ${name}`, ...line })),
      );
  expect(shown.length).toBeGreaterThan(300);
  const wrong: string[] = [];
  for (const { where, words, isWhole } of shown) {
    const complaint = await complaintAbout(words, isWhole);
    if (complaint !== undefined) wrong.push(`${where}: silo ${words.join(' ')}: ${complaint}`);
  }
  expect(wrong).toEqual([]);
});

async function complaintAbout(words: readonly string[], isWhole: boolean): Promise<string | undefined> {
  try {
    const { args, help } = parseOptions(words, globalOptions, { optionsFirst: true });
    const [first = '', ...rest] = args;
    // Words in capitals stand for others; what begins with two lines is for the engine's own use.
    if (help || first === '' || first === 'help' || /^([A-Z]+$|__)/.test(first)) return undefined;
    const found = findCommand(first, rest);
    if (found === undefined)
      return Object.hasOwn(commandGroups, first) && rest.length === 0 ? undefined : 'no such command';
    const command = await found.load();
    const { args: own, help: asks } = parseOptions(found.words, command.options, {
      optionsFirst: command.optionsFirst ?? false,
    });
    return isWhole && !asks ? countComplaint(command, own.length) : undefined;
  } catch (error) {
    // Within a sentence an option may be named without its value.
    return !isWhole && String(error).includes('flag needs an argument') ? undefined : String(error);
  }
}

function countComplaint({ args: { min, max } }: Command, count: number): string | undefined {
  return count < min || count > (max ?? Infinity)
    ? `takes ${min} to ${max ?? 'any number of'} arguments`
    : undefined;
}
