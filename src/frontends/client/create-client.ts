import type { Client, ClientOptions } from './client.ts';
import { createBuildCalls } from './builds.ts';
import { createConnectionPool } from './connection.ts';
import { createContainerCalls } from './containers.ts';
import { createExecCalls } from './execs.ts';
import { defaultHost, parseHost } from './host.ts';
import { createImageCalls } from './images.ts';
import { createNetworkCalls } from './networks.ts';
import { createSystemCalls, ping } from './system.ts';
import { createTransport } from './transport.ts';
import { createVolumeCalls } from './volumes.ts';

/** The newest API version that this client was written for. */
export const clientApiVersion = '1.51';

export function createClient(options: ClientOptions = {}): Client {
  const host = {
    ...parseHost(options.host ?? defaultHost),
    ...(options.namedBy === undefined ? {} : { namedBy: options.namedBy }),
  };
  let negotiated: Promise<string> | undefined;

  /** Asked once; a failure (nobody listens) is forgotten, so that a later call asks again. */
  const version = (): Promise<string> => {
    if (options.apiVersion !== undefined) return Promise.resolve(options.apiVersion);
    negotiated ??= ping(transport)
      .then(({ apiVersion }) => lowerVersion(apiVersion, clientApiVersion))
      .catch((error: unknown) => {
        negotiated = undefined;
        throw error;
      });
    return negotiated;
  };
  const transport = createTransport({
    host,
    pool: createConnectionPool(host, options.tls),
    headers: { 'User-Agent': options.userAgent ?? 'silo-client' },
    version,
    ...(options.onUnreachable ? { onUnreachable: options.onUnreachable } : {}),
  });

  return {
    containers: createContainerCalls(transport),
    images: createImageCalls(transport),
    builds: createBuildCalls(transport),
    execs: createExecCalls(transport),
    networks: createNetworkCalls(transport),
    volumes: createVolumeCalls(transport),
    system: createSystemCalls(transport, version),
    [Symbol.dispose]: () => transport.close(),
  };
}

/** The lower of two `1.51`-like versions; servers that name none predate negotiation (API 1.24). */
export function lowerVersion(theirs: string, ours: string): string {
  if (!/^\d+\.\d+$/.test(theirs)) return '1.24';
  const [major = 0, minor = 0] = theirs.split('.').map(Number);
  const [ourMajor = 0, ourMinor = 0] = ours.split('.').map(Number);
  const isLower = major < ourMajor || (major === ourMajor && minor < ourMinor);
  return isLower ? theirs : ours;
}
