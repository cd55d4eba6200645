import { SiloError } from '../../src/foundation/base/errors.ts';
import { checkDockerfile } from '../../src/engine/build/language/checks/check.ts';
import { lower } from '../../src/engine/build/graph/lower.ts';
import type { Dockerfile } from '../../src/engine/build/language/dockerfile.ts';
import type { Instruction } from '../../src/engine/build/language/instruction.ts';
import { parseDockerfile } from '../../src/engine/build/language/parse/parse-dockerfile.ts';
import { planStages } from '../../src/engine/build/language/stages/plan.ts';
import { platformArguments } from '../../src/engine/build/language/stages/predefined.ts';
import { readSource } from '../../src/engine/build/language/text/read-source.ts';

const platform = { os: 'linux', architecture: 'amd64' };
const platforms = { build: platform, target: platform };

/** All that reads a Dockerfile without an image: parse, plan, checks, graph. */
export function readAll(name: string, bytes: Uint8Array) {
  const { dockerfile, plan } = lowered(name, bytes);
  const { findings } = checkDockerfile(dockerfile, { platforms });
  return { dockerfile, plan, findings };
}

/** The graph of a file whose base images, if any, have no configuration. */
export function lowered(name: string, bytes: Uint8Array) {
  const dockerfile = parseDockerfile(readSource(name, bytes));
  const args = { given: new Map<string, string>(), platform: platformArguments(platforms, '') };
  const plan = planStages(dockerfile, args);
  const graph = lower(dockerfile, plan, {
    ...args,
    targetPlatform: 'linux/amd64',
    configOf: () => undefined,
  });
  return { dockerfile, plan, ...graph };
}

/** What a file means, compactly: one line for each instruction, with places as `@line:column+length`. */
export function describe(name: string, bytes: Uint8Array): string {
  try {
    const { dockerfile, plan, findings } = readAll(name, bytes);
    return [
      ...instructions(dockerfile).map(line),
      `needed: ${plan.needed.join(' ')}`,
      ...findings.map(({ rule, span }) => `finding: ${rule} @${span.line}:${span.column}+${span.length}`),
    ].join('\n');
  } catch (error) {
    if (!(error instanceof SiloError) || error.kind !== 'invalid') throw error;
    return `${error.code}: ${error.message}${error.hint === undefined ? '' : `\nHint: ${error.hint}`}`;
  }
}

const instructions = ({ globals, stages }: Dockerfile): Instruction[] => [
  ...globals,
  ...stages.flatMap((stage) => [stage.from, ...stage.instructions]),
];

const common = new Set(['name', 'keyword', 'span', 'flags', 'rest', 'emptyLines', 'comments']);

function line(instruction: Instruction): string {
  const { name, span } = instruction;
  const fields = Object.entries(instruction).filter(([key]) => !common.has(key));
  return [
    `${span.line}${span.endLine === span.line ? '' : `-${span.endLine}`} ${name}`,
    ...fields.map(([key, value]) => `${key}=${show(value)}`),
  ].join(' ');
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if ('text' in value && 'span' in value) return `${clipped(value.text)}${place(value.span)}`;
  if ('keyword' in value) return `(${line(value as Instruction)})`;
  return `{${Object.entries(value)
    .map(([key, inner]) => (key === 'span' ? place(inner) : `${key}: ${show(inner)}`))
    .join(', ')}}`;
}

const clipped = (text: unknown): string => {
  const shown = JSON.stringify(text);
  return shown.length <= 200 ? shown : `${shown.slice(0, 60)}…(${shown.length})`;
};

function place(span: unknown): string {
  const { line, column, length, endLine } = span as Instruction['span'];
  return `@${line}:${column}+${length}${endLine === line ? '' : `-${endLine}`}`;
}
