import type { Dockerfile, Stage } from './dockerfile.ts';
import type { Instruction } from './instruction.ts';
import { resolveMount } from './mount.ts';
import { planStages } from './stages/plan.ts';
import { type BuildArguments, createStageScope, type StageScope } from './stages/scope.ts';
import type { Source } from './text/source.ts';

/** Something that whoever builds may give. */
export interface OutlinedInput {
  name: string;
  /** The comment above that begins with its name. */
  description?: string;
  /** Of an argument, as the build would have it. */
  value?: string;
  /** Of secrets and agents. */
  required?: boolean;
  line: number;
}

export interface Outline {
  /** Of the target; empty: it has none. */
  name: string;
  description: string;
  args: OutlinedInput[];
  secrets: OutlinedInput[];
  ssh: OutlinedInput[];
}

interface Found {
  args: Map<string, OutlinedInput>;
  secrets: Map<string, OutlinedInput>;
  ssh: Map<string, OutlinedInput>;
}

/** What the stages that the target needs take from outside. Nothing is built, no image is looked at. */
export function outlineOf(dockerfile: Dockerfile, args: BuildArguments, target: string): Outline {
  const { source } = dockerfile;
  const plan = planStages(dockerfile, { ...args, ...(target === '' ? {} : { target }) });
  const found: Found = { args: new Map(), secrets: new Map(), ssh: new Map() };
  const scopes = new Map<number, StageScope>();
  const globals = new Map(
    dockerfile.globals.flatMap(({ args: list, span }) => list.map(({ key }) => [key.text, span.line])),
  );
  for (const index of plan.needed) {
    const planned = plan.stages[index];
    if (!planned) continue;
    const { stage, base } = planned;
    const from = base.kind === 'stage' ? scopes.get(base.index) : undefined;
    const scope = from?.inherit() ?? createStageScope(dockerfile, plan.globals, args);
    scopes.set(index, scope);
    // What stands before the first FROM counts where a FROM, or an ARG without a value, takes it.
    const used = variablesOf(stage);
    for (const [name, line] of globals)
      if (used.has(name))
        note(found.args, { name, line, ...told(source, line, name) }, plan.globals.lookup(name));
    for (const instruction of stage.instructions) outline(instruction, { found, scope, source, globals });
  }
  const last = plan.stages[plan.target]?.stage;
  const name = last?.name ?? '';
  const listed = (list: Map<string, OutlinedInput>): OutlinedInput[] =>
    [...list.values()].sort((one, other) => one.line - other.line);
  return {
    name,
    description: last && name !== '' ? (told(source, last.from.span.line, name).description ?? '') : '',
    args: listed(found.args),
    secrets: listed(found.secrets),
    ssh: listed(found.ssh),
  };
}

interface Around {
  found: Found;
  scope: StageScope;
  source: Source;
  globals: ReadonlyMap<string, number>;
}

function outline(instruction: Instruction, { found, scope, source, globals }: Around): void {
  if (instruction.name === 'ENV')
    for (const { key, value } of instruction.pairs)
      scope.setEnvironment(scope.expand(key).text, scope.expand(value).text);
  if (instruction.name === 'ARG') {
    scope.declare(instruction);
    const { line } = instruction.span;
    for (const { key } of instruction.args) {
      const name = scope.expand(key).text;
      const global = globals.get(name);
      const standing = global === undefined ? {} : told(source, global, name);
      note(found.args, { name, line, ...standing, ...told(source, line, name) }, scope.lookup(name));
    }
  }
  if (instruction.name !== 'RUN') return;
  for (const { fields, span } of instruction.mounts) {
    const resolved = resolveMount(
      fields.map(({ key, value }) =>
        value === undefined ? { key } : { key, value: scope.expand({ text: value, span }).text },
      ),
    );
    if (!resolved.ok || (resolved.mount.type !== 'secret' && resolved.mount.type !== 'ssh')) continue;
    const { type, id: name, required } = resolved.mount;
    const list = type === 'secret' ? found.secrets : found.ssh;
    const before = list.get(name);
    list.set(name, {
      name,
      required: required || before?.required === true,
      line: before?.line ?? span.line,
    });
  }
}

/** The first place, or the first that describes it. */
function note(list: Map<string, OutlinedInput>, one: OutlinedInput, value: string | undefined): void {
  const before = list.get(one.name);
  if (before?.description !== undefined || (before && one.description === undefined)) return;
  list.set(one.name, { ...one, ...(value === undefined ? {} : { value }) });
}

/** Those of its FROM. */
function variablesOf({ from: { image, platform } }: Stage): Set<string> {
  const text = `${image.text} ${platform?.text ?? ''}`;
  return new Set([...text.matchAll(/\$\{?(\w+)/g)].flatMap(([, name]) => name ?? []));
}

/** The comment right above, if it begins with the name, as BuildKit reads it. */
function told({ lines }: Source, line: number, name: string): { description?: string } {
  const comment = /^\s*#\s*(\S+)\s+(.*\S)\s*$/.exec((lines[line - 2]?.text ?? '').slice(0, 1000));
  return comment?.[1]?.toLowerCase() === name.toLowerCase() && comment[2] !== undefined
    ? { description: comment[2] }
    : {};
}
