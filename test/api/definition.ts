import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Docker's own definition of its API, where it lies beside the project; `SILO_API_DEFINITION` names another place. */
const path =
  process.env['SILO_API_DEFINITION'] ??
  join(import.meta.dir, '../../../shared/reference/docker-engine-api-v1.51.yaml');

export const definitionMissing: string | undefined = existsSync(path)
  ? undefined
  : `no definition of Docker's API at ${path}: SILO_API_DEFINITION names it`;

export interface Schema {
  $ref?: string;
  allOf?: Schema[];
  type?: string;
  format?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  'x-nullable'?: boolean;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'body' | 'header';
  type?: string;
  schema?: Schema;
}

interface Operation {
  responses: Record<string, { schema?: Schema }>;
  parameters?: Parameter[];
}

export interface Definition {
  definitions: Record<string, Schema>;
  paths: Record<string, Record<string, Operation>>;
}

export const readDefinition = (): Definition => Bun.YAML.parse(readFileSync(path, 'utf8')) as Definition;

/** The schema itself: references followed, parts of `allOf` put together. */
export function resolved(root: Definition, schema: Schema): Schema {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    const target = root.definitions[name];
    if (!target) throw new Error(`the definition has no ${name}`);
    return resolved(root, target);
  }
  if (!schema.allOf) return schema;
  const parts = schema.allOf.map((part) => resolved(root, part));
  const single = parts.find(({ type }) => type !== undefined && type !== 'object');
  if (single) return single;
  return {
    type: 'object',
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)) as Record<string, Schema>,
    required: parts.flatMap(({ required }) => required ?? []),
  };
}

/** All routes of the definition, as `GET /containers/json`. */
export function operationsOf(root: Definition): string[] {
  return Object.entries(root.paths).flatMap(([place, verbs]) =>
    ['get', 'post', 'put', 'delete', 'head']
      .filter((verb) => verbs[verb] !== undefined)
      .map((verb) => `${verb.toUpperCase()} ${place}`),
  );
}

export function operationOf(root: Definition, name: string): Operation {
  const [verb = '', place = ''] = name.split(' ');
  const operation = root.paths[place]?.[verb.toLowerCase()];
  if (!operation) throw new Error(`the definition has no ${name}`);
  return operation;
}

/** Names of the fields of a schema and of what is below it: `HostConfig.Mounts.BindOptions.Propagation`. */
export function fieldsOfSchema(root: Definition, schema: Schema, depth = 0): string[] {
  const whole = resolved(root, schema);
  if (depth > 6) return [];
  if (whole.items) return fieldsOfSchema(root, whole.items, depth + 1);
  if (typeof whole.additionalProperties === 'object')
    return fieldsOfSchema(root, whole.additionalProperties, depth + 1);
  return Object.entries(whole.properties ?? {}).flatMap(([name, each]) => [
    name,
    ...fieldsOfSchema(root, each, depth + 1).map((below) => `${name}.${below}`),
  ]);
}

/**
 * Where a value is not what the schema says: missing required fields, wrong types and words, and fields that it does not know. Go writes null for
 * empty lists and maps, which the definition rarely says; for single values it must be said.
 */
export function violations(root: Definition, schema: Schema, value: unknown, at = '$'): string[] {
  const whole = resolved(root, schema);
  if (value === null) {
    const mayBeNull = (schema['x-nullable'] ?? whole['x-nullable']) === true;
    return !mayBeNull && ['string', 'boolean', 'integer', 'number'].includes(whole.type ?? '')
      ? [`${at}: null`]
      : [];
  }
  switch (whole.type) {
    case 'array':
      return Array.isArray(value)
        ? value.flatMap((item, i) => violations(root, whole.items ?? {}, item, `${at}[${i}]`))
        : [`${at}: no list`];
    case 'object':
      return objectViolations(root, whole, value, at);
    case 'integer':
      return Number.isInteger(value) ? [] : [`${at}: no integer`];
    case 'number':
      return typeof value === 'number' ? [] : [`${at}: no number`];
    case 'string':
    case 'boolean':
      if (typeof value !== whole.type) return [`${at}: no ${whole.type}`];
      return whole.enum && !whole.enum.includes(value)
        ? [`${at}: ${JSON.stringify(value)} is not allowed`]
        : [];
    case undefined:
    default:
      return [];
  }
}

function objectViolations(root: Definition, schema: Schema, value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at}: no object`];
  const { properties = {}, additionalProperties } = schema;
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(value, name));
  const wrong = Object.entries(value).flatMap(([name, each]) => {
    const known =
      properties[name] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
    if (known) return violations(root, known, each, `${at}.${name}`);
    return schema.properties === undefined ? [] : [`${at}.${name}: not in the definition`];
  });
  return [...missing.map((name) => `${at}.${name}: missing`), ...wrong];
}
