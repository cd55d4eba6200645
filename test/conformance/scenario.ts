/** One call of the Docker CLI, or the wait for something. Words are split at spaces; single quotes hold a word together. */
export interface Call {
  docker: string;
  /** Given to standard input, which is then closed; without it the input is empty. */
  input?: string;
  /** Runs on a terminal of 81 columns and 25 rows, where this is seen and typed in turn. */
  terminal?: ({ see: string } | { type: string })[];
  /** Goes on while later steps run, until the step that joins this name. */
  background?: string;
  /** What may differ from one run to the next beyond what `normalise` knows. */
  hide?: RegExp[];
  /** Lines that may be there or not. */
  drop?: RegExp;
  /** Lines may come in any order. */
  unordered?: boolean;
  /** The output is one JSON document: its keys are sorted. */
  json?: boolean;
}

export type Step =
  | string
  | Call
  | { join: string }
  /** Repeats a call, whose answer is not compared, until its output holds the words (or, for empty words, is empty). */
  | { until: string; prints: string };

export interface Scenario {
  /** A sentence about behaviour. */
  name: string;
  /** The images are loaded again behind it. */
  changesImages?: boolean;
  steps: Step[];
}

/** Scenarios that share a file of facts. */
export type Chapters = Record<string, Scenario[]>;

/** What a call gave, normalised. Empty streams are left out. */
export interface Outcome {
  code: number;
  stdout?: string;
  stderr?: string;
}

/** By the call's number and words: `3 ps -a`. */
export type Outcomes = Record<string, Outcome>;

export function splitWords(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** Calls that are compared, with the key under which their outcome is kept. */
export function callsOf(scenario: Scenario): { key: string; call: Call }[] {
  return scenario.steps.flatMap((step, index) => {
    const call = toCall(step);
    return call ? [{ key: `${index + 1} ${call.docker}`, call }] : [];
  });
}

export function toCall(step: Step): Call | undefined {
  if (typeof step === 'string') return { docker: step };
  return 'docker' in step ? step : undefined;
}
