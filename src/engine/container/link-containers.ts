import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nameOfPair } from '../../foundation/base/split-pair.ts';
import { conflict, invalid, isKind, notFound, toSiloError } from '../../foundation/base/errors.ts';
import { type ContainerId, shortId } from '../../foundation/base/ids.ts';
import { addressesOf, type Endpoint } from '../../resources/network/network.ts';
import type { LinkRequest } from './config.ts';
import type { ContainerRecord } from './container.ts';
import type { Context } from './context.ts';
import { isRunning } from './state.ts';

/**
 * `--link` on the default network, where containers have no names: a line in `/etc/hosts` for each, which follows the other container's address, and
 * variables that tell of its ports and its environment at the start.
 */
export interface Linked {
  alias: string;
  record: ContainerRecord;
  endpoint: Endpoint;
}

/** At create: the others must exist. They are kept by id, because a name may be somebody else's tomorrow. */
export function resolveLinks(context: Context, links: readonly LinkRequest[]): LinkRequest[] {
  return links.map(({ name: asked, alias }) => {
    try {
      const { id, name } = context.store.get(asked);
      return { id, name, alias };
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
      // Not-found would say that the container's own image is missing.
      throw invalid(`could not get container for ${asked}: ${toSiloError(error).message}`, {
        code: 'no-such-container',
      });
    }
  });
}

/** At the start: they must run, and be on the default network. */
export function findLinked(context: Context, record: ContainerRecord): Linked[] {
  return record.config.network.links.map(({ id, name, alias }) => {
    const other = id && context.store.find(id);
    const endpoint = other && isRunning(other.state) ? onDefault(context, other.id) : undefined;
    if (!other || !endpoint)
      throw conflict(
        `Cannot link to a non running container: /${other?.name ?? name} AS /${record.name}/${alias}`,
        {
          code: 'link-not-running',
          hint: 'start it first, or put both on a network of their own, where names need no links',
        },
      );
    return { alias, record: other, endpoint };
  });
}

function onDefault(context: Context, id: ContainerId): Endpoint | undefined {
  return context.endpoints
    .find(id)
    .find(({ networkName }) => networkName === context.settings.defaultNetwork);
}

/** Docker's: where the other is, its ports, and its environment but for what every container has. */
export function linkVariables(
  { name, config }: Pick<ContainerRecord, 'name' | 'config'>,
  linked: readonly Linked[],
): string[] {
  const own = new Set(config.env.map(nameOfPair));
  return linked.flatMap(variablesOf).filter((entry) => !own.has(nameOfPair(entry)));

  function variablesOf({ alias, record, endpoint }: Linked): string[] {
    const prefix = alias.toUpperCase().replaceAll('-', '_');
    const address = addressesOf(endpoint)[0]?.address ?? '';
    const ports = record.config.exposedPorts.map(split).toSorted((a, b) => a.port - b.port);
    const [first] = ports;
    const at = ({ port, protocol }: { port: number; protocol: string }): string =>
      `${protocol}://${address}:${port}`;
    return [
      `${prefix}_NAME=/${name}/${alias}`,
      ...(first ? [`${prefix}_PORT=${at(first)}`] : []),
      ...ports.flatMap((one) => {
        const key = `${prefix}_PORT_${one.port}_${one.protocol.toUpperCase()}`;
        return [
          `${key}=${at(one)}`,
          `${key}_ADDR=${address}`,
          `${key}_PORT=${one.port}`,
          `${key}_PROTO=${one.protocol}`,
        ];
      }),
      ...record.config.env
        .filter((entry) => entry.includes('=') && !['HOME', 'PATH'].includes(nameOfPair(entry)))
        .map((entry) => `${prefix}_ENV_${entry}`),
    ];
  }
}

function split(key: string): { port: number; protocol: string } {
  const [port = '', protocol = 'tcp'] = key.split('/');
  return { port: Number(port), protocol };
}

/** Lines of `/etc/hosts`, in the form of Docker: alias, host name, and the name unless it is the alias. */
export function linkLines(linked: readonly Linked[]): string[] {
  return linked.flatMap(({ alias, record, endpoint }) =>
    addressesOf(endpoint)
      .slice(0, 1)
      .map(({ address }) => `${address}\t${namesOf({ alias, record })}\n`),
  );
}

function namesOf({ alias, record }: Pick<Linked, 'alias' | 'record'>): string {
  return [
    alias,
    record.config.hostname || shortId(record.id),
    ...(alias === record.name ? [] : [record.name]),
  ].join(' ');
}

/** A container that others are linked to has started again: their files learn its address. */
export async function updateLinksTo(context: Context, record: ContainerRecord): Promise<void> {
  const endpoint = onDefault(context, record.id);
  if (!endpoint) return;
  for (const other of context.store.active()) {
    const links = other.config.network.links.filter(({ id }) => id === record.id);
    if (links.length === 0 || !isRunning(other.state)) continue;
    const path = join(context.settings.containersDirectory, other.id, 'hosts');
    const fresh = new Map(
      links.flatMap(({ alias }) =>
        linkLines([{ alias, record, endpoint }]).map((line) => [namesOf({ alias, record }), line] as const),
      ),
    );
    const lines = (await readFile(path, 'utf8')).split(/(?<=\n)/);
    // In place: the container has this file mounted.
    await writeFile(
      path,
      lines.map((line) => fresh.get(line.split('\t')[1]?.trimEnd() ?? '') ?? line).join(''),
    );
  }
}

/** `rm --link PARENT/ALIAS`: the container stays, what was written at its start as well. */
export const createUnlink =
  (context: Context) =>
  async (word: string): Promise<void> => {
    const [, parent = '', alias = ''] = /^\/?([^/]+)\/(.+)$/.exec(word) ?? [];
    if (alias === '') {
      context.store.get(word);
      throw conflict('Conflict, cannot remove the default link name of the container', {
        code: 'default-link',
        hint: 'name the link as CONTAINER/ALIAS',
      });
    }
    const missing = (): Error => notFound(`No such container: ${word}`, { code: 'no-such-container' });
    const { id } = context.store.get(parent);
    await context.locks.run(id, async () => {
      const { config } = context.store.get(id);
      const { network } = config;
      const links = network.links.filter((link) => link.alias !== alias);
      if (links.length === network.links.length) throw missing();
      context.store.update(id, { config: { ...config, network: { ...network, links } } });
      await context.store.durable();
    });
  };
