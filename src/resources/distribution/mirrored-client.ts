import { type SiloError, isKind, toSiloError, unavailable } from '../../foundation/base/errors.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import type { OpenedBlob, RegistryClient } from './distribution.ts';

/** Another place that should have what a registry has. */
export interface Mirror {
  /** For logs, and to remember it by. */
  name: string;
  tags: boolean;
  client: RegistryClient;
  /** What the image is called there. */
  at(reference: Reference): Reference;
}

/** Which mirrors did not answer lately; one per engine. */
export interface MirrorHealth {
  isAway(name: string): boolean;
  failed(name: string): void;
}

export interface MirroredOptions {
  origin: RegistryClient;
  /** In order, for the host of an image's name. */
  mirrorsOf(host: string): Promise<readonly Mirror[]>;
  health: MirrorHealth;
  onFailure(mirror: string, error: SiloError): void;
}

/** A mirror that did not answer is left alone for this long. */
const awayMs = 30_000;

export function createMirrorHealth(now: () => number): MirrorHealth {
  const until = new Map<string, number>();
  return {
    isAway: (name) => (until.get(name) ?? 0) > now(),
    failed: (name) => void until.set(name, now() + awayMs),
  };
}

/**
 * Asks the mirrors of an image's registry first, then the registry. Whatever goes wrong at a mirror, the next is asked: it can withhold, not harm, since
 * everything is compared with its digest, and what a tag means is asked of it only where it is configured so. One that gave wrong bytes, or broke off,
 * is not asked again by this client.
 */
export function createMirroredClient(options: MirroredOptions): RegistryClient {
  const { origin, health } = options;
  const distrusted = new Set<string>();
  const note = (mirror: Mirror, thrown: unknown, signal: AbortSignal | undefined): SiloError => {
    const error = toSiloError(thrown);
    if (signal?.aborted || isKind(error, 'canceled')) throw error;
    if (error.kind === 'unavailable' || error.kind === 'timeout') health.failed(mirror.name);
    if (error.kind === 'corrupt') distrusted.add(mirror.name);
    options.onFailure(mirror.name, error);
    return error;
  };
  const ask = async <T>(
    reference: Reference,
    what: { needsTags?: boolean; signal: AbortSignal | undefined },
    work: (client: RegistryClient, reference: Reference, mirror: Mirror | undefined) => Promise<T>,
  ): Promise<T> => {
    for (const mirror of await options.mirrorsOf(reference.host)) {
      if (what.needsTags && !mirror.tags) continue;
      if (distrusted.has(mirror.name) || health.isAway(mirror.name)) continue;
      try {
        return await work(mirror.client, mirror.at(reference), mirror);
      } catch (error) {
        note(mirror, error, what.signal);
      }
    }
    return work(origin, reference, undefined);
  };
  return {
    ...origin,
    manifest: (reference, signal) =>
      ask(reference, { needsTags: reference.digest === undefined, signal }, (client, name) =>
        client.manifest(name, signal),
      ),
    manifestBy: (reference, descriptor, signal) =>
      ask(reference, { signal }, (client, name) => client.manifestBy(name, descriptor, signal)),
    // A list that is withheld looks like a list that is empty: as with tags, not everybody is asked.
    referrers: (reference, subject, signal) =>
      ask(reference, { needsTags: true, signal }, (client, name) => client.referrers(name, subject, signal)),
    blob: (reference, descriptor, range) =>
      ask(reference, { signal: range.signal }, async (client, name, mirror): Promise<OpenedBlob> => {
        const opened = await client.blob(name, descriptor, range);
        if (mirror === undefined) return opened;
        const distrust = (): void => void distrusted.add(mirror.name);
        const body = guarded(opened.body, (error) => {
          const failure = note(mirror, error, range.signal);
          distrust();
          throw unavailable(`the mirror ${mirror.name} broke off: ${failure.message}`, {
            code: 'mirror-failed',
            cause: error,
          });
        });
        return { startsAt: opened.startsAt, body, distrust };
      }),
  };
}

async function* guarded(
  body: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => never,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    onError(error);
  }
}
