import { environmentOf, type ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import type { Dockerfile } from '../language/dockerfile.ts';
import type { From, Instruction } from '../language/instruction.ts';
import { parseDockerfile } from '../language/parse/parse-dockerfile.ts';
import { originKey } from '../language/stages/plan.ts';
import type { Origin, PlannedStage, StagePlan } from '../language/stages/plan.ts';
import { createStageScope } from '../language/stages/scope.ts';
import type { BuildArguments, StageScope } from '../language/stages/scope.ts';
import { readSource } from '../language/text/read-source.ts';
import { applyConfiguration } from './configuration.ts';
import { copyOf, execOf } from './files.ts';
import type { Surroundings } from './files.ts';
import { createGraph } from './graph.ts';
import type { Graph, GraphBuilder } from './graph.ts';
import { historyOf } from './history.ts';
import type { HistoryItem } from './history-item.ts';
import type { CopyVertex, SquashVertex, VertexId, VertexPlace } from './vertex.ts';

export interface LowerOptions extends BuildArguments {
  /** The target's, as `formatPlatform` writes it. */
  targetPlatform: string;
  /** Configurations of base images, found before (`baseImages`); absent ones are empty. */
  configOf(reference: string, platform: string): ImageRunConfig | undefined;
  /** One layer for all that the target's stage makes. */
  isSquashed?: boolean;
}

export interface Lowered extends Graph {
  /** The `meta` vertex of the target, or the `squash` of it. */
  result: VertexId;
  /** The configuration of the result. */
  meta: VertexId;
}

/** The images whose configuration must be known before `lower`. */
export const baseImages = (
  plan: StagePlan,
  targetPlatform: string,
): { reference: string; platform: string }[] =>
  plan.needed.flatMap((index) => {
    const stage = plan.stages[index];
    const start = stage?.replacedBy ?? stage?.base;
    return start?.kind === 'image'
      ? [{ reference: start.reference, platform: stage?.platform ?? targetPlatform }]
      : [];
  });

interface StageEnd {
  /** What it starts from, and how many entries of the history come from there. */
  start: { base: SquashVertex['base']; history: number };
  root: VertexId;
  config: ImageRunConfig;
  /** Since the base image. */
  history: HistoryItem[];
  scope: StageScope;
}

/** Turns the stages that the target needs into a graph. Kind `invalid`, with the place, for what only shows once words are expanded. */
export function lower(dockerfile: Dockerfile, plan: StagePlan, options: LowerOptions): Lowered {
  const graph = createGraph();
  const ends = new Map<number, StageEnd>();
  for (const index of plan.needed) {
    const planned = plan.stages[index];
    if (planned !== undefined)
      ends.set(index, lowerStage(planned, { dockerfile, plan, options, graph, ends }));
  }
  const end = ends.get(plan.target);
  if (end === undefined) throw new TypeError('the target is needed by itself');
  const root = rootFrom(end.root, options.targetPlatform, graph);
  const meta = graph.add({ kind: 'meta', root, config: end.config, history: end.history });
  const own = end.history.length - end.start.history;
  const result = options.isSquashed
    ? graph.add({ kind: 'squash', root: meta, own, base: end.start.base })
    : meta;
  return { vertices: graph.vertices, places: graph.places, result, meta };
}

interface Around {
  dockerfile: Dockerfile;
  plan: StagePlan;
  options: LowerOptions;
  graph: GraphBuilder;
  ends: ReadonlyMap<number, StageEnd>;
}

function lowerStage(planned: PlannedStage, around: Around): StageEnd {
  const { stage } = planned;
  const start = openStage(planned, around);
  if (planned.replacedBy !== undefined) return start;
  const { config, scope, history } = start;
  let { root } = start;
  const triggers = triggersOf(config);
  const progress = { setsCommand: false, ports: 0 };
  delete config.OnBuild;
  const steps: readonly (readonly [Exclude<Instruction, From>, typeof triggers.source])[] = [
    ...triggers.list.map((trigger) => [trigger, triggers.source] as const),
    ...stage.instructions.map((instruction) => [instruction, around.dockerfile.source] as const),
  ];
  for (const [instruction, source] of steps) {
    const surroundings: Surroundings = {
      source,
      config,
      scope,
      progress,
      root,
      add: (vertex) => around.graph.add(vertex),
      origin: (name, numbered) => originOf(name, numbered, planned, around),
    };
    applyConfiguration(instruction, surroundings);
    const vertex = vertexOf(instruction, surroundings);
    const title = titleOf(instruction);
    history.push(historyOf(instruction, title, { vertex, config }));
    if (vertex === undefined) continue;
    const isTrigger = source !== around.dockerfile.source;
    root = around.graph.add(vertex, { stage: stage.index, isTrigger, span: instruction.span, title });
  }
  config.Env = [...scope.environment()].map(([name, value]) => `${name}=${value}`);
  return { start: start.start, root, config, scope, history };
}

/** An instruction in one line, flags as they were written. */
export function titleOf({ name, flags, rest }: Instruction): string {
  const words = flags.map(
    (flag) => `--${flag.name}${flag.value === undefined ? '' : `=${flag.value.text}`} `,
  );
  return `${name} ${words.join('')}${rest.text}`.slice(0, 1000);
}

function vertexOf(instruction: Instruction, surroundings: Surroundings) {
  if (instruction.name === 'RUN') return execOf(instruction, surroundings);
  if (instruction.name === 'COPY' || instruction.name === 'ADD') return copyOf(instruction, surroundings);
  if (instruction.name !== 'WORKDIR') return undefined;
  const { root, config } = surroundings;
  const path = config.WorkingDir ?? '/';
  return { kind: 'folder', root, path, ...(config.User ? { user: config.User } : {}) } as const;
}

function openStage(planned: PlannedStage, around: Around): StageEnd {
  const { dockerfile, plan, options, graph, ends } = around;
  const origin = planned.replacedBy ?? planned.base;
  const base = origin.kind === 'stage' ? ends.get(origin.index) : undefined;
  const platform = planned.platform ?? options.targetPlatform;
  if (base && origin.kind === 'stage') {
    const history = [...base.history];
    const root = rootFrom(base.root, platform, graph);
    const name = plan.stages[origin.index]?.stage.name ?? String(origin.index);
    const start = { base: { name }, history: history.length };
    return { start, root, config: structuredClone(base.config), scope: base.scope.inherit(), history };
  }
  const known = origin.kind === 'image' ? options.configOf(origin.reference, platform) : undefined;
  const config = withDefaults(structuredClone(known ?? { WorkingDir: '/' }));
  const { stage } = planned;
  const place = { stage: stage.index, isTrigger: false, span: stage.from.span, title: titleOf(stage.from) };
  const root = rootOf(origin, platform, graph, place);
  return {
    start: { base: startOf(origin, platform), history: 0 },
    // What replaces a stage may be wanted for its files alone.
    root: planned.replacedBy ? root : rootFrom(root, platform, graph, place),
    config,
    history: [],
    scope: createStageScope(dockerfile, plan.globals, options, environmentOf(config)),
  };
}

function startOf(origin: Origin, platform: string): SquashVertex['base'] {
  if (origin.kind === 'image') return { reference: origin.reference, platform };
  return origin.kind === 'context' ? { name: origin.name } : undefined;
}

function rootOf(
  origin: Exclude<Origin, { kind: 'stage' }> | Origin,
  platform: string,
  graph: GraphBuilder,
  place?: VertexPlace,
): VertexId {
  switch (origin.kind) {
    case 'image':
      return graph.add({ kind: 'image', reference: origin.reference, platform }, place);
    case 'context':
      return graph.add({ kind: 'context', name: origin.name });
    case 'scratch':
      return graph.add({ kind: 'scratch', platform });
    case 'stage':
      throw new TypeError('stages come in the order in which they are needed');
  }
}

/** What steps stand on has a platform; files of a client have none. */
function rootFrom(id: VertexId, platform: string, graph: GraphBuilder, place?: VertexPlace): VertexId {
  if (graph.vertices.get(id)?.kind !== 'context') return id;
  const vertex: CopyVertex = {
    kind: 'copy',
    root: graph.add({ kind: 'scratch', platform }),
    sources: [{ input: id, path: '/' }],
    contents: [],
    destination: '/',
    link: false,
    parents: false,
    exclude: [],
    unpack: 'never',
  };
  return graph.add(vertex, place);
}

function originOf(
  name: string | undefined,
  numbered: boolean,
  planned: PlannedStage,
  { options, graph, ends }: Around,
): VertexId {
  if (name === undefined) return graph.add({ kind: 'context' });
  // Triggers of a base image name images or contexts that the plan has not seen.
  const origin: Origin = planned.origins.get(originKey(name, numbered)) ?? { kind: 'image', reference: name };
  const stage = origin.kind === 'stage' ? ends.get(origin.index) : undefined;
  return stage?.root ?? rootOf(origin, options.targetPlatform, graph);
}

/** The instructions that the base image left for whoever builds on it. */
function triggersOf({ OnBuild = [] }: ImageRunConfig) {
  const text = ['FROM scratch', ...OnBuild].join('\n');
  const source = readSource('ONBUILD of the base image', Buffer.from(text));
  return {
    list: OnBuild.length === 0 ? [] : (parseDockerfile(source).stages[0]?.instructions ?? []),
    source,
  };
}

/** As in Docker, every built image says where its programs are. */
function withDefaults(config: ImageRunConfig): ImageRunConfig {
  if (!environmentOf(config).has('PATH')) config.Env = [...(config.Env ?? []), standardPath];
  return config;
}

const standardPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
