import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineDouble } from './testing/engine-double.ts';
import { createdAtMs, sampleContainer, sampleImage } from './testing/sample-records.ts';
import { serveApi } from './testing/serve.ts';

/**
 * Answers against Docker's own definition of the API, when it lies beside the project (`SILO_DOCKER_API` names another place). Every field that is
 * answered must be of the defined type; fields that the definition does not know must be known to be extra.
 */
const path =
  process.env['SILO_DOCKER_API'] ??
  join(import.meta.dir, '../../../../shared/reference/docker-engine-api-v1.51.yaml');
const isThere = existsSync(path);
if (!isThere) console.log(`skipped: no definition of Docker's API at ${path}`);

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  type?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
}
interface Definition {
  definitions: Record<string, Schema>;
  paths: Record<string, Record<string, { responses: Record<string, { schema?: Schema }> }>>;
}

/** Answered by the real engine (26.1.5) too, though the definition leaves them out, and what is nullable there without saying so. */
const extra =
  /(GenericResources|ConfigFrom|RegistryConfig\.\w+|Plugins\.\w+|FirewallBackend|RemoteManagers)$/;

function problems(root: Definition, schema: Schema, value: unknown, at: string): string[] {
  if (schema.$ref !== undefined)
    return problems(root, root.definitions[schema.$ref.split('/').at(-1) ?? ''] ?? {}, value, at);
  if (schema.allOf) return problems(root, merged(root, schema.allOf), value, at);
  // Go writes null for empty lists and maps; the definition rarely says so.
  if (value === null) return schema.type === 'string' || schema.type === 'boolean' ? [`${at}: null`] : [];
  switch (schema.type) {
    case 'array':
      return Array.isArray(value)
        ? value.flatMap((item, i) => problems(root, schema.items ?? {}, item, `${at}[${i}]`))
        : [`${at}: no list`];
    case 'object':
      return objectProblems(root, schema, value, at);
    case 'integer':
      return Number.isInteger(value) ? [] : [`${at}: no integer`];
    case 'string':
    case 'boolean':
      if (typeof value !== schema.type) return [`${at}: no ${schema.type}`];
      return schema.enum && !schema.enum.includes(value)
        ? [`${at}: ${JSON.stringify(value)} is not allowed`]
        : [];
    case undefined:
    default:
      return [];
  }
}

function objectProblems(root: Definition, schema: Schema, value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at}: no object`];
  const { properties = {}, additionalProperties } = schema;
  const missing = (schema.required ?? [])
    .filter((name) => !(name in value))
    .map((name) => `${at}.${name}: missing`);
  const wrong = Object.entries(value).flatMap(([name, each]) => {
    const known =
      properties[name] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
    if (known) return problems(root, known, each, `${at}.${name}`);
    const isOpen = schema.properties === undefined || extra.test(`${at}.${name}`);
    return isOpen ? [] : [`${at}.${name}: not in the definition`];
  });
  return [...missing, ...wrong];
}

function merged(root: Definition, parts: Schema[]): Schema {
  const whole = parts.map((part) =>
    part.$ref ? (root.definitions[part.$ref.split('/').at(-1) ?? ''] ?? {}) : part,
  );
  const flat = whole.map((part) => (part.allOf ? merged(root, part.allOf) : part));
  const plain = flat.find(({ type }) => type !== undefined && type !== 'object');
  if (plain) return plain;
  return {
    type: 'object',
    properties: Object.assign({}, ...flat.map(({ properties }) => properties)) as Record<string, Schema>,
  };
}

describe.skipIf(!isThere)("Docker's definition of the API", () => {
  const root = isThere
    ? (Bun.YAML.parse(readFileSync(path, 'utf8')) as Definition)
    : { definitions: {}, paths: {} };
  const running = sampleContainer({
    state: { status: 'running', pid: 7, startedAtMs: createdAtMs },
    mounts: [
      {
        kind: 'volume',
        name: 'v',
        source: '/v',
        destination: '/y',
        readOnly: false,
        propagation: '',
        mode: '',
      },
    ],
  });
  const engine = engineDouble(
    {
      images: {
        list: () => [sampleImage()],
        resolve: () => sampleImage(),
        contentOf: () => ({ layers: [], blobs: [] }),
        history: async () => [{ createdAtMs, createdBy: 'x', comment: '', sizeBytes: 1, tags: [] }],
      },
      containers: {
        list: () => [running],
        get: () => running,
        networkOf: () => ({
          networks: [],
          ports: [{ containerPort: 80, protocol: 'tcp', hostAddress: '::', hostPort: 1 }],
        }),
        top: async () => ({ titles: ['PID'], processes: [['1']] }),
      },
    },
    {},
  );
  const routes: [string, string][] = [
    ['/containers/json', '/containers/json?all=1'],
    ['/containers/{id}/json', '/containers/web/json'],
    ['/containers/{id}/top', '/containers/web/top'],
    ['/images/json', '/images/json'],
    ['/images/{name}/json', '/images/busybox/json'],
    ['/images/{name}/history', '/images/busybox/history'],
    ['/info', '/info'],
    ['/version', '/version'],
    ['/system/df', '/system/df'],
    ['/networks', '/networks'],
    ['/networks/{id}', '/networks/bridge'],
    ['/volumes', '/volumes'],
    ['/volumes/{name}', '/volumes/data'],
  ];
  for (const [definition, target] of routes)
    test(`${definition} answers what is defined`, async () => {
      await using api = await serveApi(engine);
      const { status, json } = await api.call('GET', target);
      const schema = root.paths[definition]?.['get']?.responses['200']?.schema;
      expect(status).toBe(200);
      expect(schema).toBeDefined();
      expect(problems(root, schema ?? {}, json, '$')).toEqual([]);
    });
});
