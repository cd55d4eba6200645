import { createHash } from 'node:crypto';
import { throwIfAborted } from '../../../foundation/base/deadline.ts';
import { corrupt } from '../../../foundation/base/errors.ts';
import { createPace } from '../../../foundation/base/pace.ts';
import { type Tree, treeOver } from '../solve/files/tree.ts';
import type { ClientFolder } from './client-folder.ts';
import { createEntryList, type ListedFile } from './entries.ts';
import { createPacks, createPackWriter, type Pack, type Place, createPlaceReader } from './packs.ts';

/** Contents of the folders that builds were given, kept for the next build. */
export interface ContextStore {
  /** The folder as a tree. Only contents that are not here are asked for. */
  read(folder: ClientFolder, options: ReadOptions): Promise<Tree>;
  /** What is kept; `lastUsedMs` of nothing is zero. */
  usage(): { sizeBytes: number; lastUsedMs: number };
  /** Forgets everything; what a build reads stays until it ends. Gives the bytes. */
  prune(): Promise<number>;
}

export interface ReadOptions {
  /** As messages name it. */
  what: string;
  signal?: AbortSignal | undefined;
  /** Hears once how much is sent, and then of each file. */
  onTransfer?: (transfer: Transfer) => void;
}

export interface Transfer {
  files: number;
  bytes: number;
  /** All of it; the rest was here. */
  totalFiles: number;
  totalBytes: number;
}

interface Content extends Place {
  digest: string;
}

const limits = { bytes: 2 * 2 ** 30, packs: 64 };
/** Of facts; the oldest go first. */
const mostFacts = 500_000;

export function createContextStore({
  directory,
  now,
}: {
  directory: string;
  now: () => number;
}): ContextStore {
  const packs = createPacks(directory, now);
  const byDigest = new Map<string, Content>();
  const byFacts = new Map<string, Content>();
  const sizes = new Set<number>();

  const alive = (content: Content | undefined): Content | undefined =>
    content?.pack.isGone === false ? content : undefined;
  const remember = (facts: string, content: Content): void => {
    if (facts === '') return;
    byFacts.delete(facts);
    byFacts.set(facts, content);
    if (byFacts.size <= mostFacts) return;
    for (const oldest of byFacts.keys()) {
      byFacts.delete(oldest);
      break;
    }
  };
  const forgetGone = (): void => {
    for (const known of [byDigest, byFacts])
      for (const [key, { pack }] of known) if (pack.isGone) known.delete(key);
    sizes.clear();
    for (const { size } of byDigest.values()) sizes.add(size);
  };

  return {
    async read(folder, { what, signal, onTransfer }) {
      const pace = createPace();
      const list = createEntryList(what);
      for await (const batch of folder.list()) {
        throwIfAborted(signal, `reading ${what}`);
        for (const entry of batch) list.add(entry);
        await pace();
      }
      const factsOf = ({ facts, entry }: ListedFile): string =>
        facts === '' ? '' : `${folder.machine} ${entry.size} ${facts}`;
      const found = new Map<string, Content>();
      const held = new Set<Pack>();
      const use = ({ entry }: ListedFile, content: Content): void => {
        entry.digest = content.digest;
        found.set(content.digest, content);
        if (held.has(content.pack)) return;
        held.add(content.pack);
        packs.hold(content.pack);
      };
      const release = async (): Promise<void> => {
        for (const pack of held) await packs.release(pack);
        held.clear();
        if ((await packs.trim(limits)) > 0) forgetGone();
      };
      try {
        const unknown: ListedFile[] = [];
        for (const file of list.files) {
          const known = alive(byFacts.get(factsOf(file)));
          if (known === undefined) unknown.push(file);
          else use(file, known);
          await pace();
        }
        const missing = await byDigests(unknown);
        const sum = (files: readonly ListedFile[]): number =>
          files.reduce((total, { entry }) => total + entry.size, 0);
        const total = { totalFiles: list.files.length, totalBytes: sum(list.files) };
        onTransfer?.({ files: missing.length, bytes: sum(missing), ...total });
        await fetch(missing);
      } catch (error) {
        await release();
        throw error;
      }
      const readPlace = createPlaceReader();
      return await treeOver(list.entries, {
        async *read({ digest, size }) {
          const content = found.get(digest);
          if (content?.size !== size) throw new TypeError('the entry is of another tree');
          yield* readPlace(content);
        },
        [Symbol.asyncDispose]: release,
      });

      /** Those whose content is not here, either. */
      async function byDigests(files: readonly ListedFile[]): Promise<ListedFile[]> {
        const likely = files.filter(({ entry }) => sizes.has(entry.size));
        const rest = files.filter(({ entry }) => !sizes.has(entry.size));
        let index = 0;
        for await (const { digest, isAsListed } of likely.length === 0
          ? []
          : folder.digests(likely.map(({ place }) => place))) {
          const file = likely[index++];
          if (file === undefined) throw corrupt(`${what}: more digests than were asked for`);
          const known = alive(byDigest.get(digest));
          if (known?.size !== file.entry.size) rest.push(file);
          else {
            use(file, known);
            if (isAsListed) remember(factsOf(file), known);
          }
          await pace();
        }
        if (index < likely.length) throw corrupt(`${what}: fewer digests than were asked for`);
        return rest.sort((a, b) => a.place - b.place);
      }

      async function fetch(files: readonly ListedFile[]): Promise<void> {
        if (files.length === 0) return;
        const pack = await packs.create();
        held.add(pack);
        const writer = createPackWriter(pack);
        const arrived: { content: Content; facts: string }[] = [];
        // What arrived before a failure is not asked for again.
        await using keep = new AsyncDisposableStack();
        keep.defer(async () => {
          await writer.flush();
          for (const { content, facts } of arrived) {
            // A write that failed took along what waited for it.
            if (content.at + content.size > pack.sizeBytes) break;
            if (alive(byDigest.get(content.digest)) === undefined) byDigest.set(content.digest, content);
            sizes.add(content.size);
            remember(facts, content);
            await pace();
          }
        });
        let index = 0;
        let at = 0;
        let hash = createHash('sha256');
        for await (const piece of folder.contents(files.map(({ place }) => place))) {
          throwIfAborted(signal, `reading ${what}`);
          const file = files[index];
          if (file === undefined) throw corrupt(`${what}: more contents than were asked for`);
          if (piece.kind === 'bytes') {
            hash.update(piece.bytes);
            await writer.write(piece.bytes);
            continue;
          }
          const { size } = file.entry;
          if (writer.at - at !== size) throw corrupt(`${what}: a content of another size than was listed`);
          const content = { pack, at, size, digest: hash.digest('hex') };
          arrived.push({ content, facts: piece.isAsListed ? factsOf(file) : '' });
          use(file, content);
          hash = createHash('sha256');
          at = writer.at;
          index++;
          await pace();
        }
        if (index < files.length) throw corrupt(`${what}: fewer contents than were asked for`);
      }
    },
    usage() {
      const kept = packs.list();
      return {
        sizeBytes: kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        lastUsedMs: Math.max(0, ...kept.map(({ lastUsedMs }) => lastUsedMs)),
      };
    },
    async prune() {
      const freed = await packs.trim({ bytes: 0, packs: 0 });
      forgetGone();
      return freed;
    },
  };
}
