import type { Answer, TestEngine } from './harness.ts';

type Api = Pick<TestEngine, 'api'>;

/** The answer's body, or an error that shows the request and what was answered. */
export async function ask<T = unknown>(
  engine: Api,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await engine.api(method, path, body);
  if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return (answer.text === '' ? undefined : parse(answer)) as T;
}

/** Bodies that are streams of JSON come back as a list. */
function parse({ text }: Answer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text
      .split(/\r?\n/)
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown);
  }
}

export interface Inspected {
  Id: string;
  Name: string;
  State: {
    Status: string;
    Running: boolean;
    Pid: number;
    ExitCode: number;
    Error: string;
    OOMKilled: boolean;
  };
  RestartCount: number;
  Mounts: { Name?: string; Source: string }[];
  NetworkSettings: { Ports: Record<string, { HostIp: string; HostPort: string }[] | null> };
  ExecIDs: string[] | null;
}

export const inspect = (engine: Api, name: string): Promise<Inspected> =>
  ask<Inspected>(engine, 'GET', `/containers/${name}/json`);

/** Whether the API knows it: everything but 200 and 404 is an error. */
export async function exists(engine: Api, path: string): Promise<boolean> {
  const answer = await engine.api('GET', path);
  if (answer.status !== 200 && answer.status !== 404)
    throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
  return answer.status === 200;
}

export interface CreateBody {
  Image?: string;
  Cmd?: string[];
  Entrypoint?: string[];
  Env?: string[];
  User?: string;
  WorkingDir?: string;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  Volumes?: Record<string, object>;
  ExposedPorts?: Record<string, object>;
  Healthcheck?: object;
  HostConfig?: Record<string, unknown>;
}

export async function create(engine: Api, name: string, body: CreateBody): Promise<string> {
  const { Id } = await ask<{ Id: string }>(engine, 'POST', `/containers/create?name=${name}`, {
    Image: 'busybox',
    ...body,
  });
  return Id;
}

export async function start(engine: Api, name: string): Promise<void> {
  await ask(engine, 'POST', `/containers/${name}/start`);
}

export async function launch(engine: Api, name: string, body: CreateBody): Promise<string> {
  const id = await create(engine, name, body);
  await start(engine, name);
  return id;
}

export async function wait(engine: Api, name: string): Promise<number> {
  return (await ask<{ StatusCode: number }>(engine, 'POST', `/containers/${name}/wait`)).StatusCode;
}

export const remove = (engine: Api, name: string): Promise<unknown> =>
  ask(engine, 'DELETE', `/containers/${name}?force=1&v=1`);

/** Text of both streams, without frames. */
export async function logs(engine: TestEngine, name: string): Promise<string> {
  const response = await fetch(`http://localhost/containers/${name}/logs?stdout=1&stderr=1`, {
    unix: engine.socket,
    signal: AbortSignal.timeout(30_000),
  });
  return unframe(Buffer.from(await response.arrayBuffer()));
}

/** Payloads of Docker's multiplexed stream: 8 bytes of header, the last four are the length. */
export function unframe(bytes: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4);
    parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString();
}

/** Runs a command in a container that exists for it alone; its exit code and output. */
export async function runOnce(
  engine: TestEngine,
  name: string,
  body: CreateBody,
): Promise<{ code: number; output: string }> {
  await launch(engine, name, body);
  const code = await wait(engine, name);
  const output = await logs(engine, name);
  await remove(engine, name);
  return { code, output };
}

export async function bootstrapBusybox(engine: Api): Promise<void> {
  await ask(engine, 'POST', '/silo/images/bootstrap', { What: 'busybox' });
}

/** The address at which a published port answers on this machine. */
export async function publishedAt(engine: Api, name: string, port: string): Promise<string> {
  const { NetworkSettings } = await inspect(engine, name);
  const [binding] = NetworkSettings.Ports[port] ?? [];
  if (!binding) throw new Error(`${name} does not publish ${port}`);
  return `127.0.0.1:${binding.HostPort}`;
}
