import type { Node, Operand, Pipe } from './ast.ts';
import { syntax, tokenize } from './lexer.ts';
import type { Token } from './lexer.ts';

/** Reads a template; a mistake is thrown as a `TemplateError` with Go's words. */
export function parseTemplate(template: string): Node[] {
  const state: State = { template, tokens: tokenize(template), at: 0, variables: ['$'] };
  const { nodes, stop } = parseNodes(state);
  if (stop !== undefined) throw fail(state, `unexpected {{${stop}}}`);
  return nodes;
}

interface State {
  template: string;
  tokens: Token[];
  at: number;
  variables: string[];
}

const peek = (state: State): Token | undefined => state.tokens[state.at];
const fail = (state: State, what: string) =>
  syntax(state.template, peek(state)?.at ?? state.template.length, what);

function skipSpace(state: State): Token | undefined {
  while (peek(state)?.kind === 'space') state.at++;
  return peek(state);
}

/** Up to the end of the text, or to an `else` or `end` whose word is given back (the rest of an `else` is not read). */
function parseNodes(state: State): { nodes: Node[]; stop?: 'else' | 'end' } {
  const nodes: Node[] = [];
  for (let token = peek(state); token !== undefined; token = peek(state)) {
    if (token.kind === 'text') {
      state.at++;
      nodes.push({ kind: 'text', text: token.text });
      continue;
    }
    const first = skipSpace(state);
    const word = first?.kind === 'word' ? first.text : '';
    if (word === 'else' || word === 'end') {
      state.at++;
      if (word === 'end') expectEnd(state, 'end');
      return { nodes, stop: word };
    }
    nodes.push(parseAction(state, word));
  }
  return { nodes };
}

function parseAction(state: State, word: string): Node {
  switch (word) {
    case 'if':
    case 'with':
    case 'range':
      state.at++;
      return parseControl(state, word);
    case 'break':
    case 'continue':
      state.at++;
      expectEnd(state, word);
      return { kind: word };
    case 'define':
    case 'template':
    case 'block':
      throw fail(state, `{{${word}}} is not supported`);
    default: {
      const pipe = parsePipe(state, 'command');
      expectEnd(state, 'command');
      return { kind: 'output', pipe };
    }
  }
}

function parseControl(state: State, kind: 'if' | 'with' | 'range'): Node {
  const depth = state.variables.length;
  const pipe = parsePipe(state, kind);
  expectEnd(state, kind);
  const { nodes: body, stop } = parseNodes(state);
  if (stop === undefined) throw fail(state, 'unexpected EOF');
  const otherwise = stop === 'else' ? parseElse(state) : [];
  state.variables.length = depth;
  return { kind, pipe, body, otherwise };
}

function parseElse(state: State): Node[] {
  const token = skipSpace(state);
  if (token?.kind === 'word' && (token.text === 'if' || token.text === 'with')) {
    state.at++;
    return [parseControl(state, token.text)];
  }
  expectEnd(state, 'else');
  const { nodes, stop } = parseNodes(state);
  if (stop === undefined) throw fail(state, 'unexpected EOF');
  if (stop === 'else') throw fail(state, 'expected end; found {{else}}');
  return nodes;
}

function expectEnd(state: State, context: string): void {
  const token = skipSpace(state);
  if (token?.kind !== 'end')
    throw fail(state, `unexpected ${JSON.stringify(token?.text ?? 'EOF')} in ${context}`);
  state.at++;
}

function parsePipe(state: State, context: string): Pipe {
  const { names, declares } = parseDeclaration(state, context);
  const commands: Operand[][] = [];
  for (;;) {
    const operands = parseCommand(state);
    if (operands.length === 0)
      throw fail(state, commands.length === 0 ? `missing value for ${context}` : 'missing value for command');
    commands.push(operands);
    const token = skipSpace(state);
    if (token?.text !== '|') break;
    state.at++;
  }
  if (declares) state.variables.push(...names);
  return { names, declares, commands };
}

/** `$x :=`, `$x =`, and in `range` also `$i, $x :=`; nothing is consumed when the pipeline begins with a plain variable. */
function parseDeclaration(state: State, context: string): { names: string[]; declares: boolean } {
  const start = state.at;
  const names: string[] = [];
  for (;;) {
    const token = skipSpace(state);
    if (token?.kind !== 'variable') break;
    state.at++;
    names.push(token.text);
    const mark = skipSpace(state)?.text;
    if (mark === ':=' || mark === '=') {
      state.at++;
      return { names, declares: mark === ':=' };
    }
    if (mark !== ',' || context !== 'range' || names.length > 1) break;
    state.at++;
  }
  state.at = start;
  return { names: [], declares: false };
}

function parseCommand(state: State): Operand[] {
  const operands: Operand[] = [];
  for (;;) {
    const token = skipSpace(state);
    if (token === undefined || token.kind === 'end' || token.text === '|' || token.text === ')')
      return operands;
    operands.push(parseOperand(state, token));
  }
}

function parseOperand(state: State, token: Token): Operand {
  const start = state.at++;
  const operand = parseTerm(state, token);
  for (let next = peek(state); next?.kind === 'field' && next.text.length > 1; next = peek(state)) {
    if (operand.kind === 'literal' || operand.kind === 'function')
      throw fail(state, `unexpected . after term ${JSON.stringify(token.text)}`);
    operand.fields.push(next.text.slice(1));
    state.at++;
  }
  operand.source = state.tokens
    .slice(start, state.at)
    .map((part) => part.text)
    .join('');
  return operand;
}

const constants: Record<string, boolean | null> = { true: true, false: false, nil: null };

function parseTerm(state: State, token: Token): Operand {
  const base = { at: token.at, source: '', fields: [] as string[] };
  switch (token.kind) {
    case 'field':
      return { ...base, kind: 'dot', fields: token.text === '.' ? [] : [token.text.slice(1)] };
    case 'variable':
      if (!state.variables.includes(token.text))
        throw fail(state, `undefined variable ${JSON.stringify(token.text)}`);
      return { ...base, kind: 'variable', name: token.text };
    case 'string':
    case 'number':
      return { ...base, kind: 'literal', value: token.value };
    case 'word': {
      const constant = constants[token.text];
      if (constant !== undefined) return { ...base, kind: 'literal', value: constant };
      return { ...base, kind: 'function', name: token.text };
    }
    case 'symbol':
      if (token.text === '(') return { ...base, kind: 'group', pipe: parseGroup(state) };
      throw fail(state, `unexpected ${JSON.stringify(token.text)} in operand`);
    case 'text':
    case 'space':
    case 'end':
      throw fail(state, 'unexpected text in operand');
  }
}

function parseGroup(state: State): Pipe {
  const pipe = parsePipe(state, 'parenthesized pipeline');
  if (skipSpace(state)?.text !== ')') throw fail(state, 'unclosed left paren');
  state.at++;
  return pipe;
}
