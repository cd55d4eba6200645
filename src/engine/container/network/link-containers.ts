import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nameOfPair } from '../../../foundation/base/split-pair.ts';
import { conflict, invalid, isKind, notFound, toSiloError } from '../../../foundation/base/errors.ts';
import { type ContainerId, shortId } from '../../../foundation/base/ids.ts';
import { addressesOf, type Endpoint } from '../../../resources/network/network.ts';
import type { LinkRequest } from '../config.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { readEtcFile } from './etc-files.ts';
import { isRunning } from '../state.ts';

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
  return record.config.network.links.map((link) => {
    const found = lookUp(context, link);
    if (found) return found;
    const name = (link.id && context.store.find(link.id)?.name) ?? link.name;
    throw conflict(`Cannot link to a non running container: /${name} AS /${record.name}/${link.alias}`, {
      code: 'link-not-running',
      hint: 'start it first, or put both on a network of their own, where names need no links',
    });
  });
}

/** For a process beside the first one: what has ended meanwhile is left out. */
export const findPresent = (context: Context, record: ContainerRecord): Linked[] =>
  record.config.network.links.flatMap((link) => lookUp(context, link) ?? []);

function lookUp(context: Context, { id, alias }: LinkRequest): Linked | undefined {
  const record = id && context.store.find(id);
  const endpoint = record && isRunning(record.state) ? onDefault(context, record.id) : undefined;
  return record && endpoint ? { alias, record, endpoint } : undefined;
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
    const at = ({ port, protocol }: ExposedPort): string => `${protocol}://${address}:${port}`;
    const keyOf = ({ port, protocol }: ExposedPort): string =>
      `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    return [
      `${prefix}_NAME=/${name}/${alias}`,
      ...(first ? [`${prefix}_PORT=${at(first)}`] : []),
      ...rowsOf(ports).flatMap(({ start, end }) => {
        const key = keyOf(start);
        return [
          `${key}_START=${at(start)}`,
          `${key}_PORT_START=${start.port}`,
          `${key}_END=${at(end)}`,
          `${key}_PORT_END=${end.port}`,
        ];
      }),
      ...ports.flatMap((one) => {
        const key = keyOf(one);
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

interface ExposedPort {
  port: number;
  protocol: string;
}

function split(key: string): ExposedPort {
  const [port = '', protocol = 'tcp'] = key.split('/');
  return { port: Number(port), protocol };
}

/** Three ports in a row of one protocol, or more. */
function rowsOf(all: readonly ExposedPort[]): { start: ExposedPort; end: ExposedPort }[] {
  const ports = all.toSorted((a, b) => Number(a.protocol > b.protocol) - Number(a.protocol < b.protocol));
  const rows: ExposedPort[][] = [];
  for (const one of ports) {
    const row = rows.at(-1);
    const last = row?.at(-1);
    if (row && last && one.port === last.port + 1 && one.protocol === last.protocol) row.push(one);
    else rows.push([one]);
  }
  return rows.flatMap((row) => {
    const [start] = row;
    const end = row.at(-1);
    return start && end && row.length > 2 ? [{ start, end }] : [];
  });
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
    const text = await readEtcFile(path);
    if (text === undefined) continue;
    const lines = text.split(/(?<=\n)/);
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
