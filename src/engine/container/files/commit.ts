import { lstat, readdir } from 'node:fs/promises';
import { parentOf } from '../../../foundation/archive/byte-path.ts';
import { diffLayer } from '../../../foundation/archive/diff.ts';
import { emptyMountPoints } from '../../../foundation/archive/mount-points.ts';
import { measureWhole } from '../../../foundation/archive/whole-upper.ts';
import { conflict, invalid } from '../../../foundation/base/errors.ts';
import { familiarName, familiarRepository, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type { OverlayMount } from '../../../resources/snapshot/snapshot.ts';
import type { ContainerRecord } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { mustBeThere, snapshotOf } from './changes.ts';
import { imageConfigOf } from './commit-config.ts';
import type { CommitRequest, ContainerCommit } from './files.ts';
import { isRunning } from '../state.ts';
import { freezeForCommit } from './freeze.ts';

/** The container is frozen only while its files are read; the rest goes on beside it. */
export const createCommit =
  (context: Context): ContainerCommit['commit'] =>
  async (nameOrId, request) => {
    const record = context.store.get(nameOrId);
    check(record, request);
    const base = context.images.resolve(record.imageId);
    const { bare } = request;
    const run = bare ? {} : imageConfigOf(record.config, base.config.config ?? {}, request);
    const { mount } = await snapshotOf(context, record);
    await using frozen = await freezeForCommit(context, record, request.pause);
    const omit = emptyMountPoints(mount.upper, mount.lower, bare?.mountPoints ?? []);
    const isSame = await isUnchanged(mount, omit);
    const { author, comment, reference, signal } = request;
    const mayMove =
      bare && bare.latestMtimeSec === undefined && !isSame && omit.size === 0 && !isRunning(record.state);
    // Whoever waited for the end of the run was told before its root was unmounted.
    if (mayMove) await context.live.of(record.id).unmounted.promise;
    const whole = mayMove ? await measureWhole(mount.upper) : undefined;
    const layer = whole
      ? { layer: diffLayer(mount.upper), layerFolder: { path: mount.upper, ...whole } }
      : { layer: readLayer(context, record, { upper: mount.upper, omit, frozen, signal }) };
    const image = await context.images.compose({
      base: base.id,
      ...(isSame ? {} : layer),
      ...(bare ? { mayBeLost: true } : {}),
      ...(bare?.latestMtimeSec === undefined ? {} : { latestMtimeSec: bare.latestMtimeSec }),
      run,
      createdAtMs: context.now(),
      author,
      comment,
      createdBy: bare?.createdBy ?? (record.config.command ?? []).join(' '),
      ...(reference ? { reference } : {}),
      ...(signal ? { signal } : {}),
    });
    publish(context, record, 'commit', {
      comment,
      imageID: image.id,
      imageRef: reference ? familiarName(withDefaultTag(reference)) : '',
    });
    return image.id;
  };

function check(record: ContainerRecord, { reference }: CommitRequest): void {
  if (reference?.digest !== undefined)
    throw invalid('cannot import digest reference', { code: 'tag-with-digest' });
  if (reference && familiarRepository(reference) === 'sha256')
    throw invalid('refusing to create an ambiguous tag using digest algorithm as name', {
      code: 'ambiguous-tag',
    });
  if (record.state.status === 'removing')
    throw conflict(`You cannot commit container ${record.id} which is being removed`, {
      code: 'being-removed',
    });
}

/** Nothing was written, and the root has still the attributes that the topmost layer gave it: such an image needs no layer. */
async function isUnchanged({ upper, lower }: OverlayMount, omit: ReadonlySet<string>): Promise<boolean> {
  const names = await readdir(upper, { encoding: 'buffer' });
  if (names.some((name) => !omit.has(name.toString('latin1')))) return false;
  // The topmost is the init layer, whose root does not count.
  const below = lower[1];
  const [now, before] = [await lstat(upper), below === undefined ? undefined : await lstat(below)];
  if (!before) return (now.mode & 0o7777) === 0o755 && now.uid === 0 && now.gid === 0;
  return now.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
}

/** What is below the others goes with them. */
const topmost = (paths: ReadonlySet<string>): string[] =>
  [...paths].filter((path) => !paths.has(parentOf(path)));

async function* readLayer(
  context: Context,
  { id }: ContainerRecord,
  from: {
    upper: string;
    omit: ReadonlySet<string>;
    frozen: AsyncDisposable;
    signal: AbortSignal | undefined;
  },
): AsyncGenerator<Buffer> {
  const { upper, omit, frozen, signal } = from;
  yield* context.pack({ job: { kind: 'layer', upper, omit: topmost(omit) }, signal });
  mustBeThere(context, id);
  // After a failure it is thawed later, when the disk has its room again.
  await frozen[Symbol.asyncDispose]();
}
