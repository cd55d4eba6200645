import type { Arg, From, Instruction } from './instruction.ts';
import type { Directives } from './text/directives.ts';
import type { Source } from './text/source.ts';

/** A parsed Dockerfile. */
export interface Dockerfile {
  source: Source;
  directives: Directives;
  /** ARG instructions before the first FROM. */
  globals: readonly Arg[];
  /** At least one. */
  stages: readonly Stage[];
}

export interface Stage {
  /** From 0 on. */
  index: number;
  from: From;
  /** Behind AS, in lower case. */
  name?: string;
  instructions: readonly Exclude<Instruction, From>[];
}
