import type { Client } from '../../client/client.ts';
import type { Command, CompletionKind, OptionSpec, OptionTable } from '../command.ts';
import { findCommand } from '../commands/find.ts';
import { commandGroups, commands, plainCommands, commonCommands } from '../commands/index.ts';
import { globalOptions } from '../globals.ts';
import type { CliIo } from '../io.ts';
import { parseOptions } from '../options.ts';

/** The daemon gets this long; a shell must not hang because of it. */
const daemonMs = 1000;

interface Candidate {
  text: string;
  about?: string;
}

/** Prints the candidates for the last of the words (which may be empty). Never fails: a shell cannot show errors here. */
export async function runComplete(
  words: readonly string[],
  { io, client }: { io: CliIo; client: () => Promise<Client> },
): Promise<number> {
  const current = words.at(-1) ?? '';
  const sources = { client, env: io.env };
  const candidates = await findCandidates(words.slice(0, -1), current, sources).catch(() => []);
  const fitting = candidates.filter(({ text }) => text === ':files' || text.startsWith(current));
  io.stdout.write(
    fitting.map(({ text, about }) => `${text}${about === undefined ? '' : `\t${about}`}\n`).join(''),
  );
  return 0;
}

/** What names of things are asked of. */
interface Sources {
  client: () => Promise<Client>;
  env: CliIo['env'];
}

async function findCandidates(
  before: readonly string[],
  current: string,
  sources: Sources,
): Promise<Candidate[]> {
  const start = skipGlobals(before);
  if (start > before.length) return await offerValue(optionOf(globalOptions, before.at(-1) ?? ''), sources);
  const [first, second] = before.slice(start);
  if (first === undefined)
    return current.startsWith('-') ? optionCandidates(globalOptions) : await topLevel();
  if (Object.hasOwn(commandGroups, first) && second === undefined) return await members(first);
  const words = before.slice(start + 1);
  const found = findCommand(first, words);
  if (found === undefined) return [];
  // Of `build` files, and the commands that stand below it.
  const below = found.words.length === 0 ? await belowCommand([first, ...words].join(' ')) : [];
  return [...below, ...(await inCommand(await found.load(), found.words, current, sources))];
}

/** How many of the words are options before the command. */
function skipGlobals(words: readonly string[]): number {
  let at = 0;
  for (let word = words[at]; word?.startsWith('-') === true; word = words[at]) {
    const spec = optionOf(globalOptions, word);
    at += spec && spec.kind !== 'bool' && !word.includes('=') ? 2 : 1;
  }
  return at;
}

async function topLevel(): Promise<Candidate[]> {
  const names = [...commonCommands, ...plainCommands];
  const loaded = await Promise.all(names.map((name) => describe(name, name)));
  const groups = Object.entries(commandGroups).map(([text, group]) => ({ text, about: group.summary }));
  return [...loaded.flat(), ...groups].sort((a, b) => (a.text < b.text ? -1 : 1));
}

/** The next words of commands whose names begin so. */
async function belowCommand(name: string): Promise<Candidate[]> {
  const names = [...commands.keys()].filter((each) => each.startsWith(`${name} `));
  const next = new Set(names.map((each) => each.slice(name.length + 1).split(' ', 1)[0] ?? ''));
  return (await Promise.all([...next].map((word) => describe(word, `${name} ${word}`)))).flat();
}

const members = async (group: string): Promise<Candidate[]> =>
  (
    await Promise.all((commandGroups[group]?.members ?? []).map((name) => describe(name, `${group} ${name}`)))
  ).flat();

async function describe(text: string, name: string): Promise<Candidate[]> {
  const command = await commands.get(name)?.();
  return command === undefined || command.hidden === true ? [] : [{ text, about: command.summary }];
}

function optionOf(table: OptionTable, word: string): OptionTable[string] | undefined {
  const name = word.replace(/^--?/, '').replace(/=.*$/, '');
  if (word.startsWith('--')) return Object.hasOwn(table, name) ? table[name] : undefined;
  return Object.values(table).find((spec) => spec.short === name.at(-1));
}

function optionCandidates(table: OptionTable): Candidate[] {
  return Object.entries(table)
    .filter(([, spec]) => spec.hidden !== true)
    .map(([name, spec]) => ({ text: `--${name}`, about: spec.summary.split('\n', 1)[0] ?? '' }));
}

async function inCommand(
  command: Command,
  before: readonly string[],
  current: string,
  sources: Sources,
): Promise<Candidate[]> {
  const given = countArguments(command, before);
  // What follows belongs to another program.
  if (command.optionsFirst === true && given > 0) return [];
  const last = before.at(-1);
  const pending =
    last?.startsWith('-') === true && !last.includes('=') ? optionOf(command.options, last) : undefined;
  if (pending && pending.kind !== 'bool') return await offerValue(pending, sources);
  if (current.startsWith('-')) return optionCandidates(command.options);
  if (given >= (command.args.max ?? Infinity)) return [];
  const kind = given > 0 ? (command.furtherCompletion ?? command.completion) : command.completion;
  return kind === undefined ? [] : await offer(kind, sources);
}

/** None while an option waits for its value. */
function countArguments(command: Command, words: readonly string[]): number {
  try {
    return parseOptions(words, command.options, { optionsFirst: command.optionsFirst ?? false }).args.length;
  } catch {
    return 0;
  }
}

const offerValue = async (option: OptionSpec | undefined, sources: Sources): Promise<Candidate[]> =>
  option?.completion === undefined ? [] : await offer(option.completion, sources);

async function offer(kind: CompletionKind, { client: connect, env }: Sources): Promise<Candidate[]> {
  if (typeof kind !== 'string') return kind.map((text) => ({ text }));
  if (kind === 'files') return [{ text: ':files' }];
  if (kind === 'contexts') {
    const { createContextStore } = await import('../contexts/store.ts');
    const documents = await createContextStore(env).list();
    return [{ text: 'default' }, ...documents.map(({ Name }) => ({ text: Name }))];
  }
  const signal = AbortSignal.timeout(daemonMs);
  if (kind !== 'container-paths') return await namesOf(await connect(), kind, signal);
  // Files are offered whether or not the daemon answers.
  const containers = await connect()
    .then((client) => namesOf(client, 'containers', signal))
    .catch(() => []);
  return [{ text: ':files' }, ...containers.map(({ text }) => ({ text: `${text}:` }))];
}

async function namesOf(
  client: Client,
  kind: Exclude<CompletionKind, readonly string[] | 'contexts' | 'container-paths'>,
  signal: AbortSignal,
): Promise<Candidate[]> {
  switch (kind) {
    case 'containers':
    case 'running-containers':
    case 'stopped-containers': {
      const containers = await client.containers.list({ all: kind !== 'running-containers', signal });
      return containers
        .filter((container) => kind !== 'stopped-containers' || container.State !== 'running')
        .map((container) => ({
          text: (container.Names[0] ?? container.Id).replace(/^\//, ''),
          about: container.Image,
        }));
    }
    case 'images':
      return (await client.images.list({ signal })).flatMap((image) =>
        (image.RepoTags ?? []).filter((tag) => tag !== '<none>:<none>').map((text) => ({ text })),
      );
    case 'networks':
      return (await client.networks.list({ signal })).map((network) => ({
        text: network.Name,
        about: network.Driver,
      }));
    case 'volumes':
      return ((await client.volumes.list({ signal })).Volumes ?? []).map((volume) => ({ text: volume.Name }));
    case 'objects': {
      const kinds = ['containers', 'images', 'networks', 'volumes'] as const;
      return (await Promise.all(kinds.map((each) => namesOf(client, each, signal)))).flat();
    }
    case 'files':
      return [];
  }
}
