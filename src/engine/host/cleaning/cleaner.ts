import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import { shortId } from '../../../foundation/base/ids.ts';
import type { Log } from '../../../foundation/base/log.ts';
import type { ContainerQueries } from '../../container/container.ts';
import type { EngineEvent, Events } from '../../events/events.ts';
import type { ImageNames, ImageQueries, ImageRecord } from '../../image/image.ts';
import type { ImageUses } from './image-uses.ts';
import type { Mark, Marks } from './marks.ts';

export interface CleanerDeps {
  marks: Marks;
  /** How full the disk is, in the unit of the mark. Space of what was removed before is free when it resolves. */
  level: (unit: Mark['unit']) => Promise<number>;
  images: Pick<ImageQueries, 'list' | 'resolve'> & Pick<ImageNames, 'remove' | 'sweep'>;
  containers: Pick<ContainerQueries, 'list'>;
  uses: ImageUses;
  events: Events;
  log: Log;
  now: () => number;
}

/** The label that keeps an image, as `silo image pin` does. */
const pinLabel = 'silo.pin';
/** An image that came or was used just now has a use that is not seen yet. */
const graceMs = 10 * 60_000;
const timerMs = 5 * 60_000;
const afterWritesMs = 1000;

/** Removes unused images, the one that was unused for longest first, when the disk is fuller than the high mark, until it is below the low one. */
export function createCleaner(deps: CleanerDeps): Disposable & { clean(): Promise<ImageRecord[]> } {
  const { marks, events, log } = deps;
  let running: Promise<ImageRecord[]> | undefined;
  let soon: ReturnType<typeof setTimeout> | undefined;
  const clean = (): Promise<ImageRecord[]> =>
    (running ??= cleanOnce(deps).finally(() => (running = undefined)));
  const tryToClean = (): void =>
    void clean().catch((error: unknown) => log.warn(`cleaning: ${toSiloError(error).message}`));
  const timer = setInterval(tryToClean, timerMs).unref();
  const cleanSoon = (): void => {
    soon ??= setTimeout(() => {
      soon = undefined;
      tryToClean();
    }, afterWritesMs).unref();
  };
  const subscription = events.subscribe((event) => {
    if (writes(event)) cleanSoon();
  });
  cleanSoon();
  log.info('cleaning of unused images is on', { high: textOf(marks.high), low: textOf(marks.low) });
  return {
    clean,
    [Symbol.dispose]() {
      clearInterval(timer);
      clearTimeout(soon);
      subscription[Symbol.dispose]();
    },
  };
}

const writes = ({ type, action }: EngineEvent): boolean =>
  (type === 'image' && ['pull', 'load', 'import', 'commit'].includes(action)) ||
  (type === 'container' && ['die', 'create'].includes(action));

async function cleanOnce(deps: CleanerDeps): Promise<ImageRecord[]> {
  const { marks, level, images, events, log } = deps;
  const before = await level(marks.high.unit);
  if (before < marks.high.value) return [];
  // What nobody has costs nobody anything.
  await images.sweep();
  const removed: ImageRecord[] = [];
  for (const image of candidates(deps)) {
    const present = await level(marks.low.unit);
    if (present < marks.low.value) break;
    if (!(await removeImage(deps, image))) continue;
    removed.push(image);
    deps.uses.forget(image.id);
    log.info('removed an unused image, because the disk is fuller than gc-high-water', {
      image: image.tags[0] ?? shortId(image.id),
      level: textOf({ ...marks.low, value: present }),
      high: textOf(marks.high),
    });
  }
  const after = await level(marks.low.unit);
  if (removed.length === 0 || after >= marks.high.value)
    log.warn('the disk is fuller than gc-high-water, and no further image is unused', {
      level: textOf({ ...marks.high, value: after }),
    });
  if (removed.length > 0)
    events.publish({
      type: 'image',
      action: 'prune',
      id: '',
      attributes: { reason: 'gc-high-water', images: String(removed.length) },
    });
  return removed;
}

/** In the order in which they go. */
function candidates({ images, containers, uses, now }: CleanerDeps): ImageRecord[] {
  const used = new Set(
    containers
      .list()
      .flatMap(({ imageId, mounts }) => [imageId, ...mounts.flatMap(({ image }) => image?.id ?? [])]),
  );
  const lastUse = ({ id, taggedAtMs = 0 }: ImageRecord): number => Math.max(uses.lastUse(id), taggedAtMs);
  return images
    .list()
    .filter(
      (image) =>
        !used.has(image.id) &&
        // Further platforms of a name go with it.
        (image.tags.length > 0 || image.variantOf.length === 0) &&
        !uses.isPinned(image.id) &&
        image.config.config?.Labels?.[pinLabel] !== 'true' &&
        // A time in the future is of a clock that jumped.
        Math.abs(now() - lastUse(image)) >= graceMs,
    )
    .toSorted((a, b) => lastUse(a) - lastUse(b));
}

/** Name by name and never by force, so that whoever came to use it meanwhile keeps it. */
async function removeImage({ images }: CleanerDeps, { id, tags }: ImageRecord): Promise<boolean> {
  try {
    for (const name of tags.length > 0 ? tags : [id])
      await images.remove(name, { force: false, prune: true });
    return !images.list().some((image) => image.id === id);
  } catch (error) {
    if (isKind(error, 'conflict') || isKind(error, 'not-found')) return false;
    throw error;
  }
}

const textOf = ({ unit, value }: Mark): string =>
  unit === 'percent' ? `${value.toFixed(1)}%` : `${Math.round(value)} bytes`;

/** Keeps the times of use up to date from the events of containers. */
export function watchUses(deps: Pick<CleanerDeps, 'images' | 'uses' | 'events' | 'now'>): Disposable {
  const { images, uses, events, now } = deps;
  return events.subscribe(({ type, action, attributes }) => {
    if (type !== 'container' || !['create', 'start', 'die', 'destroy'].includes(action)) return;
    try {
      uses.used(images.resolve(attributes['image'] ?? '').id, now());
    } catch {
      // The name means nothing any more, or the disk is full: the time is a hint, not a promise.
    }
  });
}
