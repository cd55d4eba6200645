import { expect, test } from 'bun:test';
import { runWords } from '../testing/run-words.ts';
import { commandGroups, commands } from './index.ts';

test('every command has a summary, a description of each option and examples that call it', async () => {
  const wanting: string[] = [];
  for (const [words, load] of commands) {
    const { name: own, summary, options, examples = [], aliases = [] } = await load();
    const names = [own, ...aliases];
    if (summary === '' || summary.endsWith('.')) wanting.push(`${words}: summary`);
    if (
      !examples.some((line) => names.some((name) => line.includes(`silo ${name}`) || / -H \S+ /.test(line)))
    )
      wanting.push(`${words}: examples`);
    for (const [name, option] of Object.entries(options))
      if (option.summary === '') wanting.push(`${words} --${name}`);
  }
  expect(wanting).toEqual([]);
});

test('groups list commands that are there', () => {
  const listed = Object.entries(commandGroups).flatMap(([group, { members }]) =>
    members.map((name) => `${group} ${name}`),
  );
  expect(listed.filter((name) => !commands.has(name))).toEqual([]);
});

test('who mistypes is told what may have been meant', async () => {
  expect((await runWords(['rnu'])).err).toContain("Hint: did you mean 'silo run'");
  expect((await runWords(['container', 'lss'])).err).toContain("Hint: did you mean 'silo container ls'");
  expect((await runWords(['container', 'images'])).err).toContain("Hint: did you mean 'silo images'?");
  expect((await runWords(['help', 'rnu'])).err).toContain("Hint: did you mean 'silo run'");
  expect((await runWords(['ps', '--fliter', 'x'])).err).toContain('Hint: did you mean --filter');
  expect((await runWords(['swarm', 'init'])).err).toContain('Hint: Silo runs one machine');
  expect((await runWords(['frobnicate'])).err).not.toContain('Hint');
});

test('help of a command lists those below it', async () => {
  const { out } = await runWords(['build', '--help']);
  expect(out).toMatch(/\nCommands:\n(?: {2}build .*\n)+$/);
  expect(out).toContain('  build history ls ');
  expect((await runWords(['help', 'daemon'])).out).toContain('  daemon stop ');
  expect((await runWords(['ps', '--help'])).out).not.toContain('Commands:');
});
