import type { Client } from '../client/client.ts';
import type { Choice, Target } from './contexts/target.ts';
import type { CliDeps } from './deps.ts';
import type { CliIo } from './io.ts';

/**
 * What a command is. Help, parsing and shell completion all come from this record, so an option is declared once. Commands live in one module
 * each and are loaded when they are called (`commands/index.ts`).
 */
export interface Command<Options extends OptionTable = OptionTable> {
  /** The words after `silo`, as help shows them: `container ls`, `run`. */
  name: string;
  /** One line for lists of commands. */
  summary: string;
  /** More than the summary, for the command's own help; absent = the summary. */
  description?: string;
  /** What follows the words, without `[OPTIONS]`: `IMAGE [COMMAND] [ARG...]`. */
  usage: string;
  /** All the ways to call it, when there are several. */
  aliases?: readonly string[];
  options: Options;
  /** How many arguments it takes; no `max` = any number. */
  args: { min: number; max?: number };
  /** Options end at the first argument, because what follows belongs to another program. */
  optionsFirst?: boolean;
  examples?: readonly string[];
  /** Key of Docker's `config.json` that holds a `--format` for those who give none. */
  formatPreference?: string;
  /** Shown as a hint when the options are not understood. */
  usageHint?: string;
  /** What the shell should offer for arguments. */
  completion?: CompletionKind;
  /** For those after the first, when they are something else. */
  furtherCompletion?: CompletionKind;
  /** Left out of lists of commands. */
  hidden?: boolean;
  /** Resolves to the exit code. */
  run(invocation: Invocation<Options>): Promise<number>;
}

export type CompletionKind =
  | 'containers'
  | 'running-containers'
  | 'stopped-containers'
  | 'images'
  | 'networks'
  | 'volumes'
  | 'contexts'
  | 'objects'
  | 'files'
  /** Files here, and `NAME:` for those of containers. */
  | 'container-paths'
  | readonly string[];

/** Words that name an option's type in help; `bool` shows none. */
export type OptionKind = keyof OptionValueTypes;

interface OptionValueTypes {
  bool: boolean;
  string: string;
  int: number;
  uint: number;
  uint16: number;
  /** `64m` in bytes. */
  bytes: number;
  /** `1.5` in billionths. */
  decimal: number;
  /** `1m30s` in nanoseconds. */
  duration: number;
  list: string[];
  /** Like `list`, one value may hold several with commas between. */
  strings: string[];
  map: string[];
  filter: string[];
  mount: string[];
  network: string[];
  ulimit: string[];
  'gpu-request': string[];
}

export interface OptionSpec {
  readonly kind: OptionKind;
  readonly short?: string;
  readonly summary: string;
  readonly default?: string | number | boolean;
  /** A default that help shows although the value is the type's zero. */
  readonly shown?: string;
  /** Throws when a value is not acceptable; the message is shown behind the option's name. */
  readonly check?: (value: string) => void;
  /** Not shown in help. */
  readonly hidden?: boolean;
  /** What the shell offers for the value. */
  readonly completion?: CompletionKind;
}

/** By long name. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

export type OptionValues<Options extends OptionTable> = {
  [Name in keyof Options]: OptionValueTypes[Options[Name]['kind']];
};

/** One call of a command. */
export interface Invocation<Options extends OptionTable = OptionTable> {
  options: OptionValues<Options>;
  /** Long names of options that were on the command line. */
  given: ReadonlySet<string>;
  args: string[];
  io: CliIo;
  deps: CliDeps;
  /** The client of the selected daemon; made at the first call. */
  client: () => Promise<Client>;
  /** The context or address that the command line and its surroundings name. */
  choice: Choice;
  /** Where the client connects to; rejects when there is no such context. */
  target: () => Promise<Target>;
}

/** Checks the shape and forgets the option names, so that commands of different options fit in one table. */
export function defineCommand<const Options extends OptionTable>(command: Command<Options>): Command {
  return command;
}

/** A command that only groups others: `silo container`. */
export interface CommandGroup {
  summary: string;
  /** Names below it; each is also listed in the table of commands under `group name`. */
  members: readonly string[];
}
