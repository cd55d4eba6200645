/** A parsed template. `at` is an offset into the text, for messages. */
export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'output'; pipe: Pipe }
  | { kind: 'if' | 'with'; pipe: Pipe; body: Node[]; otherwise: Node[] }
  | { kind: 'range'; pipe: Pipe; body: Node[]; otherwise: Node[] }
  | { kind: 'break' | 'continue' };

export interface Pipe {
  /** Variables that get the value; `range` may have two. */
  names: string[];
  /** `:=` makes them, `=` changes them. */
  declares: boolean;
  /** Each gets the result of the one before as its last argument. */
  commands: Operand[][];
}

export type Operand = { at: number; source: string; fields: string[] } & (
  | { kind: 'dot' }
  | { kind: 'variable'; name: string }
  | { kind: 'literal'; value: string | number | boolean | null }
  | { kind: 'function'; name: string }
  | { kind: 'group'; pipe: Pipe }
);

/** A template that cannot be parsed or executed, worded as Go words it. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}
