import { randomBytes } from 'node:crypto';
import { conflict, isKind, toSiloError } from '../../../foundation/base/errors.ts';
import type { Log } from '../../../foundation/base/log.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { formatReference } from '../../../foundation/oci/reference.ts';
import type { BuildProgress, BuildRequest, Builds, BuildStep } from '../solve/types.ts';
import { type BuildLog, openBuildLog, readBuildLog } from './build-log.ts';
import type { CacheUses } from './cache-uses.ts';
import type { BuildRecord, BuildRecords } from './records.ts';

export interface BuildHistory extends Pick<BuildRecords, 'list' | 'get'> {
  /** What the build told, as far as it is kept. */
  log(id: string): AsyncIterable<BuildProgress>;
  /** Kind `conflict` for one that runs. */
  remove(id: string): Promise<void>;
}

/** An id for a build to come. */
export const newBuildId = (): string => randomBytes(8).toString('hex');

/** The builder, with a record and a log of each build. */
export function recordBuilds(
  builds: Pick<Builds, 'build'>,
  { records, uses, now, log }: { records: BuildRecords; uses: CacheUses; now: () => number; log: Log },
): Pick<Builds, 'build'> {
  const warn = (error: unknown): void => log.warn(`recording a build: ${toSiloError(error).message}`);
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      warn(error);
      return undefined;
    }
  };
  return {
    async build(request) {
      const record = newRecord(request, now());
      attempt(() => records.save(record));
      const file = await openBuildLog(records.logPath(record.id)).catch(warn);
      const watch = createWatch(record, file ?? undefined);
      const end = async (outcome: Partial<BuildRecord>): Promise<void> => {
        const failure = await file?.close();
        if (failure) warn(failure);
        attempt(() => records.save({ ...record, ...outcome, endedAtMs: now() }));
        attempt(() => uses.note(watch.images, now()));
        await records.trim().catch(warn);
      };
      try {
        const result = await builds.build({
          ...request,
          onProgress(progress) {
            watch.take(progress);
            return request.onProgress(progress);
          },
        });
        const { image, digest } = result;
        await end({ status: 'done', image, ...(digest === undefined ? {} : { digest }) });
        return result;
      } catch (error) {
        const isCanceled = isKind(error, 'canceled') || request.signal?.aborted === true;
        const { message } = toSiloError(error);
        await end({
          status: isCanceled ? 'canceled' : 'failed',
          error: { message: message.slice(0, 4000), ...watch.failed() },
        });
        throw error;
      }
    },
  };
}

function newRecord(request: BuildRequest, startedAtMs: number): BuildRecord {
  const { target, platform, dockerfile, tags } = request;
  return {
    id: request.recordId ?? newBuildId(),
    status: 'running',
    startedAtMs,
    // One from elsewhere goes along under a name that says nothing.
    dockerfile: /^\.dockerfile\.[0-9a-f]+$/.test(dockerfile) ? 'Dockerfile' : dockerfile,
    tags: tags.map(formatReference),
    arguments: [...request.arguments.keys()],
    steps: { total: 0, done: 0, cached: 0 },
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platform }),
  };
}

/** Counts what happens, and writes it down. */
function createWatch({ steps: counts }: BuildRecord, file: BuildLog | undefined) {
  let steps: readonly BuildStep[] = [];
  let failed: BuildStep | undefined;
  const images = new Set<ImageId>();
  return {
    /** Results that the build had, made or found. */
    images,
    take(progress: BuildProgress): void {
      file?.add(progress);
      if (progress.kind === 'plan') {
        ({ steps } = progress);
        counts.total = steps.length;
      } else if (progress.kind === 'done' || progress.kind === 'cached') counts[progress.kind]++;
      else if (progress.kind === 'image') images.add(progress.id);
      else if (progress.kind === 'failed') failed ??= steps[progress.step - 1];
    },
    failed: (): { step?: string; line?: number } =>
      failed === undefined ? {} : { step: failed.text.slice(0, 1000), line: failed.place.line },
  };
}

export const createHistory = (records: BuildRecords): BuildHistory => ({
  list: () => records.list(),
  get: (id) => records.get(id),
  log: (id) => readBuildLog(records.logPath(records.get(id).id)),
  async remove(id) {
    const record = records.get(id);
    if (record.status === 'running')
      throw conflict(`the build ${record.id} is running`, {
        code: 'build-running',
        hint: 'end it where it was started, or wait',
      });
    await records.remove(record.id);
  },
});
