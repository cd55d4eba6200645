import type { Node, Operand, Pipe } from './ast.ts';
import { TemplateError } from './ast.ts';
import { templateFunctions } from './functions.ts';
import { formatValue, isRecord, isTrue } from './values.ts';

export interface ExecuteOptions {
  /** Finds `ID` where the data says `Id`: Go's field names and their JSON names differ in case. */
  anyCase?: boolean;
}

/** Runs a parsed template over the data. */
export function executeTemplate(nodes: readonly Node[], data: unknown, options: ExecuteOptions = {}): string {
  const state: State = { output: '', variables: [['$', data]], options };
  run(state, nodes, data);
  return state.output;
}

interface State {
  output: string;
  /** The last of a name wins. */
  variables: [string, unknown][];
  options: ExecuteOptions;
}

/** `break` and `continue` travel up as values. */
type Leave = 'break' | 'continue' | undefined;

function run(state: State, nodes: readonly Node[], dot: unknown): Leave {
  for (const node of nodes) {
    const leave = runNode(state, node, dot);
    if (leave !== undefined) return leave;
  }
  return undefined;
}

function runNode(state: State, node: Node, dot: unknown): Leave {
  switch (node.kind) {
    case 'text':
      state.output += node.text;
      return undefined;
    case 'output': {
      const value = evaluatePipe(state, node.pipe, dot);
      if (node.pipe.names.length === 0) state.output += formatValue(value);
      return undefined;
    }
    case 'break':
    case 'continue':
      return node.kind;
    case 'if':
    case 'with':
      return scoped(state, () => {
        const value = evaluatePipe(state, node.pipe, dot);
        if (!isTrue(value)) return run(state, node.otherwise, dot);
        return run(state, node.body, node.kind === 'with' ? value : dot);
      });
    case 'range':
      return scoped(state, () => runRange(state, node, dot));
  }
}

function scoped(state: State, action: () => Leave): Leave {
  const depth = state.variables.length;
  const leave = action();
  state.variables.length = depth;
  return leave;
}

function runRange(state: State, node: Node & { kind: 'range' }, dot: unknown): Leave {
  const { names, commands } = node.pipe;
  const value = evaluatePipe(state, { names: [], declares: false, commands }, dot);
  const entries = entriesOf(value);
  if (entries.length === 0) return run(state, node.otherwise, dot);
  for (const [key, item] of entries) {
    const leave = scoped(state, () => {
      if (names.length === 1) state.variables.push([names[0] ?? '', item]);
      if (names.length === 2) state.variables.push([names[0] ?? '', key], [names[1] ?? '', item]);
      return run(state, node.body, item);
    });
    if (leave === 'break') break;
  }
  return undefined;
}

function entriesOf(value: unknown): [unknown, unknown][] {
  if (Array.isArray(value)) return value.map((item: unknown, index) => [index, item]);
  if (isRecord(value)) return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  if (typeof value === 'number')
    return Array.from({ length: Math.max(0, value) }, (_, index) => [index, index]);
  if (value === undefined || value === null) return [];
  throw new TemplateError(`template: :1: executing "" : range can't iterate over ${formatValue(value)}`);
}

function evaluatePipe(state: State, pipe: Pipe, dot: unknown): unknown {
  let value: unknown;
  pipe.commands.forEach((operands, index) => {
    value = evaluateCommand(state, operands, dot, index === 0 ? [] : [value]);
  });
  for (const name of pipe.names) {
    if (pipe.declares) state.variables.push([name, value]);
    else {
      const variable = state.variables.findLast(([known]) => known === name);
      if (variable) variable[1] = value;
    }
  }
  return value;
}

function evaluateCommand(
  state: State,
  operands: readonly Operand[],
  dot: unknown,
  piped: unknown[],
): unknown {
  const [first, ...rest] = operands;
  if (first === undefined) return undefined;
  if (first.kind === 'function') return callFunction(state, first, rest, dot, piped);
  const args = [...rest.map((operand) => evaluateOperand(state, operand, dot, [])), ...piped];
  if (args.length > 0 && first.fields.length === 0)
    throw failure(first, `can't give argument to non-function ${first.source}`);
  return evaluateOperand(state, first, dot, args);
}

function callFunction(
  state: State,
  operand: Operand & { kind: 'function' },
  rest: readonly Operand[],
  dot: unknown,
  piped: unknown[],
): unknown {
  const thunks = [
    ...rest.map((argument) => () => evaluateOperand(state, argument, dot, [])),
    ...piped.map((value) => () => value),
  ];
  if (operand.name === 'and' || operand.name === 'or') {
    let value: unknown;
    for (const thunk of thunks) {
      value = thunk();
      if (isTrue(value) === (operand.name === 'or')) break;
    }
    return value;
  }
  const action = Object.hasOwn(templateFunctions, operand.name) ? templateFunctions[operand.name] : undefined;
  if (action === undefined)
    throw new TemplateError(`template: :1: function ${JSON.stringify(operand.name)} not defined`);
  const args = thunks.map((thunk) => thunk());
  try {
    return action(...args);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw failure(operand, `error calling ${operand.name}: ${why}`);
  }
}

function evaluateOperand(state: State, operand: Operand, dot: unknown, args: unknown[]): unknown {
  switch (operand.kind) {
    case 'literal':
      return operand.value;
    case 'function':
      return callFunction(state, operand, [], dot, args);
    case 'dot':
      return follow(state, operand, dot, args);
    case 'variable':
      return follow(state, operand, state.variables.findLast(([name]) => name === operand.name)?.[1], args);
    case 'group':
      return follow(state, operand, evaluatePipe(state, operand.pipe, dot), args);
  }
}

/** Walks the fields; the last may be a method of a row and then gets the arguments. */
function follow(state: State, operand: Operand, start: unknown, args: unknown[]): unknown {
  let value = start;
  operand.fields.forEach((field, index) => {
    value = property(state, operand, value, field);
    if (typeof value === 'function')
      value = (value as (...given: unknown[]) => unknown)(
        ...(index === operand.fields.length - 1 ? args : []),
      );
  });
  return value;
}

function property(state: State, operand: Operand, value: unknown, field: string): unknown {
  if (isRecord(value)) {
    if (Object.hasOwn(value, field)) return value[field];
    const lower = field.toLowerCase();
    // Labels and the like keep their case: only names that begin as Go's fields do are meant.
    const similar = state.options.anyCase
      ? Object.keys(value).find((key) => /^[A-Z]/.test(key) && key.toLowerCase() === lower)
      : undefined;
    if (similar !== undefined) return value[similar];
    throw failure(operand, `map has no entry for key ${JSON.stringify(field)}`);
  }
  if (value === undefined || value === null)
    throw failure(operand, `nil pointer evaluating interface {}.${field}`);
  throw failure(operand, `can't evaluate field ${field} in type interface {}`);
}

function failure(operand: Operand, what: string): TemplateError {
  return new TemplateError(`template: :1:${operand.at}: executing "" at <${operand.source}>: ${what}`);
}
