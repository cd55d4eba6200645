import type { SiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import { shortId } from '../../../foundation/base/ids.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { hostPlatform } from '../../../foundation/oci/platform.ts';
import {
  familiarName,
  parseReference,
  type Reference,
  repositoryName,
} from '../../../foundation/oci/reference.ts';
import { announceImage } from '../announce.ts';
import type { Context } from '../context.ts';
import type { ImageRecord, RemovedImage } from '../image.ts';
import { bestVariant, canonicalName, findImage, resolveImage, variantsOf } from './resolve.ts';
import type { ImageName } from '../records/records.ts';
import { removeUnreached } from '../records/sweep.ts';
import { manyNames, nameInUse, usedByBuild, usedByRunning, usedByStopped } from '../texts.ts';

/**
 * Docker's `rmi` (its `ImageDelete`): by name, the name goes, and the image with its last name; by id, all names go if they are of one
 * repository or it is forced. A running container or build keeps the image whatever is forced, a stopped one unless forced. The other platforms of a name
 * go with it, unless another name means them or a container uses them.
 * Between the decision and the transaction there is no `await`, so no container can come to use the image meanwhile.
 */
export async function removeImage(
  context: Context,
  nameOrId: string,
  options: { force: boolean; platforms?: readonly Platform[] | undefined },
): Promise<RemovedImage[]> {
  if (options.platforms?.length) return removePlatforms(context, nameOrId, options.platforms, options);
  const { force } = options;
  const found = findImage(context.store, nameOrId);
  const { image, name } = found;
  const variants = variantsOf(context.store, found).slice(1);
  const plan = name
    ? planByName(context, image, name, { typed: nameOrId, force, variants })
    : planById(context, image, force);
  const meant = name
    ? variants
    : image.tags.flatMap((tag) => variantsOf(context.store, findImage(context.store, tag)));
  const gone = name ? [name] : image.tags.map(parseReference);
  const removed = await execute(context, image, plan);
  for (const id of new Set(meant.map((each) => each.id)))
    for (const each of gone) removed.push(...(await removeWith(context, id, each)));
  return removed;
}

/**
 * Another platform of a name that is gone. It goes too when no other name means it and no container uses it; its names by digest of that repository go
 * with the last tag.
 */
async function removeWith(context: Context, id: ImageId, gone: Reference): Promise<RemovedImage[]> {
  const image = context.store.find(id);
  if (!image) return [];
  const meanings = [...image.tags, ...image.variantOf];
  const isMeant = meanings.length > 0;
  const isRepositoryMeant = meanings.some(
    (tag) => repositoryName(parseReference(tag)) === repositoryName(gone),
  );
  if (isRepositoryMeant && gone.digest === undefined) return [];
  const names = namesOf(image);
  const own = names.filter(({ name, repository }) =>
    gone.digest === undefined ? repository === repositoryName(gone) : nameKey(name) === canonicalName(gone),
  );
  const isUsed = context.users.usersOf(id).length > 0 || context.users.isBuilding?.(id) === true;
  if (own.length === 0 && (isMeant || isUsed)) return [];
  return execute(context, image, {
    names: own,
    announced: [],
    deletesImage: own.length === names.length && !isUsed && !isMeant,
  });
}

/** Single platforms of a name. Other names that mean the same index lose them too; the last one takes the name along. */
async function removePlatforms(
  context: Context,
  nameOrId: string,
  platforms: readonly Platform[],
  { force }: { force: boolean },
): Promise<RemovedImage[]> {
  const { store } = context;
  const removed: RemovedImage[] = [];
  for (const platform of platforms) {
    const found = findImage(store, nameOrId);
    const image = resolveImage(store, nameOrId, platform);
    const others = variantsOf(store, found).filter(({ id }) => id !== image.id);
    const next = bestVariant(others, hostPlatform()) ?? others[0];
    const { target } = found;
    if (!target || !next) {
      removed.push(...(await removeImage(context, nameOrId, { force })));
      continue;
    }
    const problem = conflictOf(context, image.id, { force, named: false });
    if (problem) throw problem;
    for (const tag of image.tags)
      if (store.findName(tag)?.target === target)
        store.setTag(tag, { image: next.id, target }, context.now());
    faultPoint('image.remove.platform-moved');
    const left = store.find(image.id);
    if (left && left.tags.length > 0) store.removeBlob(image.id, target);
    else
      removed.push(
        ...(await execute(context, image, {
          names: namesOf(left ?? image),
          announced: [],
          deletesImage: true,
        })),
      );
  }
  return removed;
}

interface Plan {
  names: NamedReference[];
  /** The names whose going is announced. */
  announced: NamedReference[];
  deletesImage: boolean;
}

type NamedReference = { name: ImageName; shown: string; repository: string; isDigest: boolean };

function planByName(
  context: Context,
  image: ImageRecord,
  name: Reference,
  { typed, force, variants }: { typed: string; force: boolean; variants: readonly ImageRecord[] },
): Plan {
  const all = namesOf(image);
  for (const each of force || !isSingle(all) ? [] : [image, ...variants]) {
    const [user] = context.users.usersOf(each.id);
    const isLast = each === image || (each.tags.length === 0 && each.variantOf.length <= 1);
    if (user && isLast) throw nameInUse(typed, user.containerId, each.id);
  }

  const key = canonicalName(name);
  const removed = all.find((each) => nameKey(each.name) === key);
  let left = all.filter((each) => each !== removed);
  const names = removed ? [removed] : [];
  // The last tag of a repository takes the repository's digests with it.
  if (removed && !removed.isDigest && !left.some((each) => !each.isDigest && sameRepository(each, removed))) {
    names.push(...left.filter((each) => sameRepository(each, removed)));
    left = left.filter((each) => !sameRepository(each, removed));
  }
  // A used image stays, without a name; the user forced that.
  const stays = context.store.find(image.id)?.variantOf.length ?? 0;
  const keeps =
    left.length > 0 || stays > 0 || conflictOf(context, image.id, { force, named: false }) !== undefined;
  return { names, announced: names.slice(0, 1), deletesImage: !keeps };
}

function planById(context: Context, image: ImageRecord, force: boolean): Plan {
  const names = namesOf(image);
  const problem = conflictOf(context, image.id, { force, named: !isSingle(names) });
  if (problem) throw problem;
  return { names, announced: names, deletesImage: true };
}

/** What stands against deleting the image, in Docker's order. */
function conflictOf(
  context: Context,
  id: ImageId,
  { force, named }: { force: boolean; named: boolean },
): SiloError | undefined {
  const users = context.users.usersOf(id);
  const running = users.find((user) => user.running);
  if (running) return usedByRunning(id, running.containerId);
  if (context.users.isBuilding?.(id)) return usedByBuild(id);
  if (force) return undefined;
  if (named) return manyNames(id);
  const [stopped] = users;
  return stopped && usedByStopped(id, stopped.containerId);
}

async function execute(context: Context, image: ImageRecord, plan: Plan): Promise<RemovedImage[]> {
  const { log, store } = context;
  const blobs = store.blobsOf(image.id);
  store.remove(
    plan.names.map((each) => each.name),
    plan.deletesImage ? image.id : undefined,
  );
  faultPoint('image.remove.unrecorded');
  const removed: RemovedImage[] = plan.names.map(({ shown }) => ({ untagged: shown }));
  for (const _ of plan.announced) announceImage(context, 'untag', image);
  if (!plan.deletesImage) return removed;
  announceImage(context, 'delete', image);
  removed.push({ deleted: image.id });
  try {
    const { layers } = await removeUnreached(context, { blobs, layers: image.layers.toReversed() });
    for (const chainId of layers) removed.push({ deleted: chainId });
  } catch (error) {
    // The image is gone; what is left of its bytes is the next sweep's.
    log.warn('cannot delete everything of a removed image', {
      image: shortId(image.id),
      error: error instanceof Error ? error.message : String(error),
    });
  }
  return removed;
}

function namesOf(image: ImageRecord): NamedReference[] {
  const named = (text: string, name: ImageName): NamedReference => {
    const reference = parseReference(text);
    return {
      name,
      shown: familiarName(reference),
      repository: repositoryName(reference),
      isDigest: 'digest' in name,
    };
  };
  return [
    ...image.tags.map((tag) => named(tag, { tag })),
    ...image.digests.map((digest) => named(digest, { digest, image: image.id })),
  ];
}

/** Docker's `isSingleReference`: at most one tag, and digests of no other repository than the tag's. */
function isSingle(names: readonly NamedReference[]): boolean {
  if (names.length <= 1) return true;
  if (names.filter((each) => !each.isDigest).length > 1) return false;
  return new Set(names.map((each) => each.repository)).size === 1;
}

function sameRepository(a: NamedReference, b: NamedReference): boolean {
  return a.repository === b.repository;
}

function nameKey(name: ImageName): string {
  return 'tag' in name ? name.tag : name.digest;
}
