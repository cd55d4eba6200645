import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupsOf, eventually, mountsOf, pairsOf, processesOf, rulesOf } from '../e2e/footprint.ts';
import type { TestEngine } from '../e2e/harness.ts';
import { ask, type Inspected, inspect } from '../e2e/objects.ts';

/**
 * What must hold between any two requests of an engine that was started after a death: what the API shows and what the machine has are the
 * same things. Empty when all is well. What the kernel takes away in its own time gets a moment.
 */
export async function findLeftovers(engine: TestEngine): Promise<string[]> {
  let found: string[] = [];
  await eventually(async () => (found = await look(engine)).length === 0);
  // Warnings tell why.
  return found.length === 0 ? [] : [...found, ...engine.log().split('\n').slice(-20)];
}

async function look(engine: TestEngine): Promise<string[]> {
  const listed = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
  const containers = await Promise.all(listed.map(({ Id }) => inspect(engine, Id)));
  const all = containers.map(({ Id }) => Id);
  // Between two runs it counts as running, but nothing of it is there.
  const running = containers
    .filter(({ State }) => State.Running && State.Status !== 'restarting')
    .map(({ Id }) => Id);
  return [
    ...differences('folder of container', folder(engine, 'data/containers'), all),
    ...differences('writable layer', folder(engine, 'data/snapshots/containers'), all),
    ...differences('bundle', folder(engine, 'exec/runtime').filter(isId), running),
    ...differences('runtime state', folder(engine, 'exec/runtime/runtimes/crun'), running),
    ...differences('control group', cgroupsOf(engine.footprint), running),
    ...differences('mount', await mountedIds(engine), running),
    ...monitorDifferences(engine, running),
    ...(await networkDifferences(engine, containers)),
    ...(await volumeLeftovers(engine, containers)),
    ...['layers', 'containers', ''].flatMap((name) =>
      folder(engine, `data/snapshots/${name}`)
        .filter((entry) => entry.startsWith('.staging'))
        .map((entry) => `staged layer ${entry}`),
    ),
    ...folder(engine, 'data/snapshots/trash').map((name) => `trash ${name}`),
    ...folder(engine, 'data/tmp')
      // Contexts of `silo build` are kept for the next one.
      .filter((name) => !name.startsWith('context-'))
      .map((name) => `temporary file ${name}`),
    ...folder(engine, 'exec/runtime/exits').map((name) => `exit notice ${name}`),
  ];
}

/** Names of the blobs and layers in the store: what an image brought must go with it. */
export function storeContents(engine: TestEngine): string[] {
  const blobs = folder(engine, 'data/content/blobs/sha256').map((name) => `blob ${name}`);
  return [...blobs, ...folder(engine, 'data/snapshots/layers').map((name) => `layer ${name}`)].toSorted();
}

async function mountedIds(engine: TestEngine): Promise<string[]> {
  const root = join(engine.directory, 'exec/rootfs/');
  return (await mountsOf(engine.footprint)).map((path) =>
    path.startsWith(root) ? path.slice(root.length).replace(/\/merged$/, '') : path,
  );
}

function monitorDifferences(engine: TestEngine, running: string[]): string[] {
  const others = processesOf(engine.footprint).filter(({ pid }) => pid !== engine.pid());
  const monitored = others.flatMap(
    ({ words }) => /--cid=([0-9a-f]{64}).*--exit-dir=\S*\/exits /.exec(words)?.[1] ?? [],
  );
  // One process answers names for as long as the engine runs.
  const resolvers = others.filter(({ words }) => words.includes(`${engine.directory}/exec/resolver.sock`));
  const strange = others.filter(
    (other) => !other.words.includes('--cid=') && (other !== resolvers[0] || engine.pid() === 0),
  );
  return [
    ...differences('monitor', monitored, running),
    ...strange.map(({ pid, words }) => `process ${pid}: ${words.slice(0, 200)}`),
  ];
}

async function networkDifferences(engine: TestEngine, containers: Inspected[]): Promise<string[]> {
  const onBridges = containers.filter(
    ({ State, NetworkSettings }) => State.Running && addressesOf(NetworkSettings).length > 0,
  );
  const pairs = await pairsOf(engine.footprint);
  const ports = onBridges.flatMap(({ NetworkSettings }) =>
    Object.values(NetworkSettings.Ports).flatMap(
      (bindings) => bindings?.map(({ HostPort }) => HostPort) ?? [],
    ),
  );
  const rules = await rulesOf(engine.footprint);
  const opened = [...rules.matchAll(/(?:tcp|udp) \. (\d+) : /g)].map((match) => match[1] ?? '');
  const places = onBridges.reduce((sum, { NetworkSettings }) => sum + addressesOf(NetworkSettings).length, 0);
  const wrongCount =
    pairs.length === places
      ? []
      : [`${pairs.length} interface pairs for ${places} places on networks: ${pairs.join(' ')}`];
  return [...wrongCount, ...differences('open port', [...new Set(opened)], [...new Set(ports)])];
}

function addressesOf(settings: Inspected['NetworkSettings']): string[] {
  const { Networks = {} } = settings as { Networks?: Record<string, { IPAddress?: string }> };
  return Object.values(Networks).flatMap(({ IPAddress }) => IPAddress || []);
}

/** An anonymous volume has no name that anybody could remove it by: it must belong to a container. */
async function volumeLeftovers(engine: TestEngine, containers: Inspected[]): Promise<string[]> {
  const { Volumes } = await ask<{ Volumes: { Name: string }[] | null }>(engine, 'GET', '/volumes');
  const used = new Set(containers.flatMap(({ Mounts }) => Mounts.map(({ Name }) => Name)));
  const names = (Volumes ?? []).map(({ Name }) => Name);
  return [
    ...names.filter((name) => isId(name) && !used.has(name)).map((name) => `anonymous volume ${name}`),
    ...differences('folder of volume', folder(engine, 'data/volumes'), names),
  ];
}

function differences(what: string, found: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...found.filter((name) => !wanted.includes(name)).map((name) => `leaked ${what} ${name}`),
    ...wanted.filter((name) => !found.includes(name)).map((name) => `missing ${what} ${name}`),
  ];
}

const isId = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

function folder(engine: TestEngine, path: string): string[] {
  const place = path.startsWith('data/') ? engine.dataRoot : engine.directory;
  try {
    return readdirSync(join(place, path.replace(/^data\//, '')));
  } catch {
    return [];
  }
}
