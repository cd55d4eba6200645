import type { Comment } from './text/line-reader.ts';
import type { Span, Word } from './text/span.ts';

/**
 * One instruction as it was written. Words are neither expanded nor unquoted: which are expanded, and when, is said by
 * `stages/expanded-words.ts`; what a name stands for depends on the stage.
 */
export type Instruction =
  | From
  | Arg
  | Env
  | Label
  | Run
  | Copy
  | Add
  | Command
  | Expose
  | Volume
  | Plain
  | Shell
  | Healthcheck
  | OnBuild;

export type InstructionName = Instruction['name'];

interface Common {
  /** The keyword as written: `Run`. */
  keyword: Word;
  /** The whole instruction, here-documents included. */
  span: Span;
  flags: readonly Flag[];
  /** The joined text behind keyword and flags. */
  rest: Word;
  /** Empty lines between continuation lines. */
  emptyLines: readonly number[];
  /** Comments directly above. */
  comments: readonly Comment[];
}

export interface Flag {
  name: string;
  /** Without its quotes; absent for a switch without a value. */
  value?: Word;
  /** From the dashes to the end of the value. */
  span: Span;
}

export interface From extends Common {
  name: 'FROM';
  image: Word;
  platform?: Word;
  /** The name behind AS. */
  as?: Word;
  /** The word AS itself. */
  asKeyword?: Word;
}

/** `NAME=VALUE`; the value is absent in `ARG NAME`. */
export interface Pair {
  key: Word;
  value?: Word;
}

export interface Arg extends Common {
  name: 'ARG';
  args: readonly Pair[];
}

interface Pairs extends Common {
  pairs: readonly (Pair & { value: Word })[];
  /** `ENV KEY all the rest`, without `=`. */
  legacy: boolean;
}

export interface Env extends Pairs {
  name: 'ENV';
}

export interface Label extends Pairs {
  name: 'LABEL';
}

export interface HereDocument {
  /** `<<EOF` with its digits and quotes. */
  opening: Word;
  /** The terminator, also the file's name in COPY and ADD. */
  name: string;
  /** Lines as written; with `<<-` without their leading tabs. */
  content: string;
  /** Not quoted: variables are expanded (with `\` as escape character, whatever the directive says). */
  expand: boolean;
  chomp: boolean;
  /** The line of the file where the content starts. */
  firstLine: number;
}

/** A command line: words for the kernel, or text for the shell. */
export type CommandLine = { form: 'exec'; words: readonly Word[] } | { form: 'shell'; text: Word };

export interface Run extends Common {
  name: 'RUN';
  command: CommandLine;
  mounts: readonly MountFlag[];
  network?: Word;
  security?: Word;
  devices: readonly Word[];
  hereDocuments: readonly HereDocument[];
}

/** One `--mount`; what its values mean is said by `resolveMount` once they are expanded. */
export interface MountFlag {
  span: Span;
  fields: readonly MountField[];
}

export interface MountField {
  key: string;
  /** Absent for `ro`, `required`, … without a value. */
  value?: string;
}

/** Sources and destination; a source is a path, or (ADD) a URL or Git reference, or a here-document. */
interface Transfer extends Common {
  sources: readonly Word[];
  destination: Word;
  hereDocuments: readonly HereDocument[];
  chown?: Word;
  chmod?: Word;
  link: boolean;
  exclude: readonly Word[];
}

export interface Copy extends Transfer {
  name: 'COPY';
  from?: Word;
  parents: boolean;
}

export interface Add extends Transfer {
  name: 'ADD';
  checksum?: Word;
  keepGitDir: boolean;
  /** Absent: local archives are unpacked, downloaded ones are not. */
  unpack?: boolean;
}

export interface Command extends Common {
  name: 'CMD' | 'ENTRYPOINT';
  command: CommandLine;
}

export interface Expose extends Common {
  name: 'EXPOSE';
  ports: readonly Word[];
}

export interface Volume extends Common {
  name: 'VOLUME';
  /** `exec`: the words of the JSON array. */
  form: 'exec' | 'shell';
  paths: readonly Word[];
}

/** Instructions of one value. */
export interface Plain extends Common {
  name: 'MAINTAINER' | 'STOPSIGNAL' | 'USER' | 'WORKDIR';
  value: Word;
}

export interface Shell extends Common {
  name: 'SHELL';
  words: readonly Word[];
}

export interface Healthcheck extends Common {
  name: 'HEALTHCHECK';
  /** Absent: `NONE`. */
  command?: CommandLine;
  interval?: Word;
  timeout?: Word;
  startPeriod?: Word;
  startInterval?: Word;
  retries?: Word;
}

export interface OnBuild extends Common {
  name: 'ONBUILD';
  trigger: Exclude<Instruction, From | OnBuild>;
}
