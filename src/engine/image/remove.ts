import type { SiloError } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { shortId } from '../../foundation/base/ids.ts';
import type { ImageId } from '../../foundation/oci/digest.ts';
import {
  familiarName,
  parseReference,
  type Reference,
  repositoryName,
} from '../../foundation/oci/reference.ts';
import { announceImage } from './announce.ts';
import type { Context } from './context.ts';
import type { ImageRecord, RemovedImage } from './image.ts';
import { canonicalName, findImage } from './resolve.ts';
import type { ImageName } from './records.ts';
import { removeUnreached } from './sweep.ts';
import { manyNames, nameInUse, usedByRunning, usedByStopped } from './texts.ts';

/**
 * Docker's `rmi` (its `ImageDelete`): by name, the name goes, and the image with its last name; by id, all names go if they are of one
 * repository or it is forced. A running container keeps the image whatever is forced, a stopped one unless forced.
 * Between the decision and the transaction there is no `await`, so no container can come to use the image meanwhile.
 */
export async function removeImage(
  context: Context,
  nameOrId: string,
  { force }: { force: boolean },
): Promise<RemovedImage[]> {
  const { image, name } = findImage(context.store, nameOrId);
  const plan = name
    ? planByName(context, image, name, { typed: nameOrId, force })
    : planById(context, image, force);
  return execute(context, image, plan);
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
  { typed, force }: { typed: string; force: boolean },
): Plan {
  const all = namesOf(image);
  const [user] = context.users.usersOf(image.id);
  if (!force && isSingle(all) && user) throw nameInUse(typed, user.containerId, image.id);

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
  const keeps = left.length > 0 || conflictOf(context, image.id, { force, named: false }) !== undefined;
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
