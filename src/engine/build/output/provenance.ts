import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest, ImageId } from '../../../foundation/oci/digest.ts';
import { familiarRepository, type Reference } from '../../../foundation/oci/reference.ts';
import { formatPlatform, hostPlatform } from '../../../foundation/oci/platform.ts';
import type { Graph } from '../graph/graph.ts';
import { inputsOf, type Vertex } from '../graph/vertex.ts';
import type { Dockerfile } from '../language/dockerfile.ts';
import type { BuildRequest } from '../solve/types.ts';
import { proxyArguments } from '../language/stages/predefined.ts';
import { purlPart } from './sbom/package.ts';

/** What is known of a build when it is done. */
export interface BuildFacts {
  startedAtMs: number;
  finishedAtMs: number;
  /** Of this build alone; the same for the same inputs where times are fixed. */
  invocation: string;
  dockerfile: Dockerfile;
  /** Of the platform that the statement is about. */
  graph: Graph;
  /** Images that the build stands on or takes files of. */
  bases: readonly { reference: Reference; digest: Digest; image: ImageId }[];
}

/**
 * The predicate `https://slsa.dev/provenance/v1` in the words of BuildKit's, so that what reads those reads these. `min` has no values of build arguments or
 * labels and no names of secrets; `max` has them, and the Dockerfile with the graph that it led to. A secret's value is known to neither.
 */
export function provenance(
  request: BuildRequest,
  facts: BuildFacts,
  { mode, platform }: { mode: 'min' | 'max'; platform: string },
): object {
  const isMax = mode === 'max';
  const { args, isWhole } = argumentsOf(request, isMax);
  const mounts = isMax ? mountsOf(facts.graph) : {};
  const { name } = facts.dockerfile.source;
  return {
    buildDefinition: {
      buildType: 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md',
      externalParameters: {
        configSource: { path: name },
        request: {
          frontend: 'dockerfile.v0',
          ...(Object.keys(args).length > 0 ? { args } : {}),
          locals: [{ name: 'context' }, { name: 'dockerfile' }],
          ...mounts,
        },
      },
      internalParameters: {
        builderPlatform: formatPlatform(hostPlatform()),
        ...(isMax ? { buildConfig: { llbDefinition: definitionOf(facts.graph, request) } } : {}),
      },
      resolvedDependencies: facts.bases.map(({ reference, digest }) => ({
        uri: imageUri(reference, platform, digest),
        digest: { sha256: digest.replace(/^sha256:/, '') },
      })),
    },
    runDetails: {
      builder: { id: '' },
      metadata: {
        invocationID: facts.invocation,
        startedOn: timeOf(facts.startedAtMs),
        finishedOn: timeOf(facts.finishedAtMs),
        buildkit_completeness: { request: isWhole, resolvedDependencies: isOnlyImages(facts.graph) },
        buildkit_reproducible: false,
        ...(isMax ? { buildkit_metadata: { source: sourceOf(facts.dockerfile) } } : {}),
      },
    },
  };
}

const timeOf = (atMs: number): string => new Date(atMs).toISOString();

/** A statement of in-toto about an image, by all its names. */
export function statement(
  predicateType: string,
  predicate: object,
  { manifest, names, platform }: { manifest: Descriptor; names: readonly Reference[]; platform: string },
): Buffer {
  const digest = { sha256: manifest.digest.replace(/^sha256:/, '') };
  const subjects = names.map((name) => imageUri(name, platform));
  return Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v0.1',
      predicateType,
      subject: (subjects.length > 0 ? subjects : ['_']).map((name) => ({ name, digest })),
      predicate,
    }),
  );
}

/** `pkg:docker/team/app@1?platform=linux%2Famd64`. */
export function imageUri(reference: Reference, platform: string, digest?: Digest): string {
  const name = familiarRepository(reference).split('/').map(encodeURIComponent).join('/');
  const version = reference.tag ?? reference.digest ?? 'latest';
  const query = [
    ...(digest === undefined ? [] : [`digest=${digest}`]),
    `platform=${encodeURIComponent(platform)}`,
  ];
  return `pkg:docker/${name}@${purlPart(version)}?${query.join('&')}`;
}

/** BuildKit's names of options. Proxies are where the build ran, not what was built, and may hold passwords: they are left out. */
function argumentsOf(
  request: BuildRequest,
  isMax: boolean,
): { args: Record<string, string>; isWhole: boolean } {
  const { target, network, noCache, pull } = request;
  const hidden = Object.fromEntries([
    ...[...request.arguments]
      .filter(([name]) => !proxyArguments.includes(name))
      .map(([name, value]) => [`build-arg:${name}`, value] as const),
    ...Object.entries(request.labels).map(([name, value]) => [`label:${name}`, value] as const),
  ]);
  return {
    isWhole: isMax || Object.keys(hidden).length === 0,
    args: {
      ...(target ? { target } : {}),
      ...(network !== 'default' && network !== '' ? { 'force-network-mode': network } : {}),
      ...(noCache ? { 'no-cache': '' } : {}),
      ...(pull ? { 'image-resolve-mode': 'pull' } : {}),
      ...(isMax ? hidden : {}),
    },
  };
}

/** Names of secrets and agents that steps may use. */
function mountsOf({ vertices }: Graph): object {
  const secrets = new Map<string, { id: string; optional?: true }>();
  const ssh = new Map<string, { id: string; optional?: true }>();
  for (const vertex of vertices.values())
    for (const mount of vertex.kind === 'exec' ? vertex.mounts : []) {
      if (mount.type !== 'secret' && mount.type !== 'ssh') continue;
      const of = mount.type === 'secret' ? secrets : ssh;
      of.set(mount.id, { id: mount.id, ...(mount.required ? {} : { optional: true }) });
    }
  return {
    ...(secrets.size > 0 ? { secrets: [...secrets.values()] } : {}),
    ...(ssh.size > 0 ? { ssh: [...ssh.values()] } : {}),
  };
}

/** What is done, step by step. Contents of the Dockerfile's own files are in the source. */
function definitionOf({ vertices, places }: Graph, request: BuildRequest): object[] {
  const numbers = new Map([...vertices.keys()].map((id, index) => [id, `step${index}`]));
  return [...vertices].map(([id, vertex]) => ({
    id: numbers.get(id),
    op: operationOf(vertex, request),
    inputs: inputsOf(vertex).map((input) => `${numbers.get(input) ?? ''}:0`),
    ...(places.has(id) ? { title: places.get(id)?.[0]?.title } : {}),
  }));
}

function operationOf(vertex: Vertex, { arguments: given }: BuildRequest): object {
  switch (vertex.kind) {
    case 'exec': {
      const { args, cwd, user, network, security } = vertex;
      const hidden = proxyArguments.map((name) => `${name}=${given.get(name) ?? ''}`);
      const env = vertex.env.filter((entry) => !hidden.includes(entry));
      return { exec: { meta: { args, env, cwd, user }, network, security } };
    }
    case 'copy':
      return { file: { copy: vertex.sources.map(({ path }) => path), destination: vertex.destination } };
    case 'folder':
      return { file: { mkdir: vertex.path } };
    case 'image':
      return { source: { identifier: `docker-image://${vertex.reference}`, platform: vertex.platform } };
    case 'http':
    case 'git':
      return { source: { identifier: withoutPassword(vertex.url) } };
    case 'context':
      return { source: { identifier: `local://${vertex.name ?? 'context'}` } };
    case 'scratch':
      return { source: { identifier: 'scratch' } };
    case 'meta':
      return { config: vertex.config };
    case 'squash':
      return { squash: {} };
  }
}

const withoutPassword = (url: string): string => url.replace(/\/\/[^/@]*@/, '//');

const isOnlyImages = ({ vertices }: Graph): boolean =>
  [...vertices.values()].every(({ kind }) => kind !== 'http' && kind !== 'git');

function sourceOf({ source }: Dockerfile): object {
  const text = source.lines.map((line) => line.text + line.end).join('');
  return {
    infos: [{ filename: source.name, language: 'Dockerfile', data: Buffer.from(text).toString('base64') }],
  };
}
