import type { Api } from './api.ts';
import type { Engine } from './engines/engine.ts';

export interface ContainerRequest {
  cmd: string[];
  /** `none`, `bridge`, or the name of a network; `none` when absent. */
  network?: string;
  name?: string;
  /** Container port (TCP) to be published on a port that the engine chooses. */
  publish?: number;
  /** Address for it; loopback when absent. */
  publishOn?: string;
  /** Container ports (TCP) to be published on every address under their own numbers. */
  publishSame?: readonly number[];
  /** The host's ids and every system call. */
  open?: boolean;
}

/** On every container of the benchmark, so that all can be found and removed. */
const label = 'silobench';

/** Creates a container of the common busybox image; resolves to its id. */
export async function create(engine: Engine, request: ContainerRequest): Promise<string> {
  const bindings = Object.fromEntries([
    ...(request.publish === undefined
      ? []
      : [[`${request.publish}/tcp`, [{ HostIp: request.publishOn ?? '127.0.0.1', HostPort: '' }]]]),
    ...(request.publishSame ?? []).map((port) => [`${port}/tcp`, [{ HostIp: '', HostPort: String(port) }]]),
  ]) as Record<string, object>;
  const exposed = Object.fromEntries(Object.keys(bindings).map((key) => [key, {}]));
  const body = {
    Image: engine.image,
    Cmd: request.cmd,
    Labels: { [label]: '1' },
    ExposedPorts: exposed,
    HostConfig: {
      NetworkMode: request.network ?? 'none',
      PortBindings: bindings,
      ...(request.open ? { UsernsMode: 'host', SecurityOpt: ['seccomp=unconfined'] } : {}),
    },
  };
  const query = request.name === undefined ? '' : `?name=${request.name}`;
  const reply = await engine.api.call('POST', `/containers/create${query}`, { body });
  return (reply.json() as { Id: string }).Id;
}

export async function start(api: Api, id: string): Promise<void> {
  await api.call('POST', `/containers/${id}/start`);
}

/** Resolves to the exit code. */
export async function wait(api: Api, id: string): Promise<number> {
  const reply = await api.call('POST', `/containers/${id}/wait`);
  return (reply.json() as { StatusCode: number }).StatusCode;
}

export async function remove(api: Api, id: string): Promise<void> {
  await api.call('DELETE', `/containers/${id}?force=true&v=true`, { accept: [404] });
}

/** Creates and starts. */
export async function launch(engine: Engine, request: ContainerRequest): Promise<string> {
  const id = await create(engine, request);
  await start(engine.api, id);
  return id;
}

/** A container that does nothing, and its end. */
export async function launchIdle(engine: Engine): Promise<{ id: string; cleanup: () => Promise<void> }> {
  const id = await launch(engine, { cmd: ['sleep', '100000'] });
  return { id, cleanup: () => remove(engine.api, id) };
}

/** `ps -a`, of at least so many. */
export async function listAll(api: Api, atLeast: number): Promise<void> {
  const listed = (await api.call('GET', '/containers/json?all=true')).json() as unknown[];
  if (listed.length < atLeast) throw new Error(`only ${listed.length} containers were listed`);
}

/** Runs `work` for every item, at most `width` at once. */
export async function eachOf<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** Removes what the benchmark left in the engine, whatever interrupted it. */
export async function removeAll(api: Api): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const listed = (await api.call('GET', `/containers/json?all=true&filters=${filters}`)).json();
  const ids = (listed as { Id: string }[]).map((container) => container.Id);
  await eachOf(ids, 4, (id) => remove(api, id));
}
