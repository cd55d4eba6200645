import type { Dockerfile, Stage } from '../dockerfile.ts';
import type { Instruction } from '../instruction.ts';
import type { Span } from '../text/span.ts';
import type { IgnoreMatcher } from '../ignore/ignore.ts';

/** What a rule found, and where. */
export interface Discovery {
  span: Span;
  /** One sentence that names the offending words. */
  message: string;
}

export interface Finding extends Discovery {
  rule: string;
  /** What the rule wants, in general. */
  description: string;
  /** The rule's page. */
  page: string;
}

/** What a check looks at. */
export interface Checked {
  dockerfile: Dockerfile;
  /** `--build-arg`. */
  arguments: ReadonlyMap<string, string>;
  /** What `.dockerignore` leaves out of the context; absent when there is none. */
  ignore?: IgnoreMatcher;
  /** Uses of variables, found by one walk over all stages. */
  variables: VariableUses;
}

/** A use of a variable without a declaration. */
export interface UndeclaredUse {
  name: string;
  span: Span;
  /** The declared name that was most likely meant. */
  near?: string;
}

export interface VariableUses {
  /** In FROM. */
  inFrom: readonly UndeclaredUse[];
  /** In stages. `certain`: nothing is hidden in an image that is not at hand. */
  inStages: readonly (UndeclaredUse & { certain: boolean })[];
}

export interface Rule {
  name: string;
  /** What it wants, one sentence. */
  description: string;
  /** Applied only when the file or the caller asks for it. */
  experimental?: boolean;
  check(checked: Checked): Iterable<Discovery>;
}

/** Every instruction of the file with its stage, FROM and global ARGs included. */
export function* everyInstruction({
  dockerfile,
}: Pick<Checked, 'dockerfile'>): Iterable<{ instruction: Instruction; stage?: Stage }> {
  for (const instruction of dockerfile.globals) yield { instruction };
  for (const stage of dockerfile.stages) {
    yield { instruction: stage.from, stage };
    for (const instruction of stage.instructions) yield { instruction, stage };
  }
}
