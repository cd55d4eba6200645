import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from '../../e2e/run.ts';
import type { Case } from './corpus.ts';
import {
  cachedSteps,
  changeContext,
  changesOf,
  configOf,
  listTree,
  type Outcome,
  writeContext,
} from './observe.ts';

/** A builder with the words of `docker buildx build`. */
export interface Builder {
  build(words: readonly string[]): Promise<Result>;
  inspect(image: string): Promise<object>;
  /** How the builder calls a path of this machine. */
  pathOf(path: string): string;
}

/** Builds the case, exports it, builds it again, and once more with changed files. */
export async function observeCase(
  builder: Builder,
  each: Case,
  { folder, base }: { folder: string; base: Map<string, string> },
): Promise<Outcome> {
  const place = join(folder, each.name);
  mkdirSync(place, { recursive: true });
  const archive = `${place}.tar`;
  try {
    writeContext(place, each);
    const words = [
      ...Object.entries(each.args ?? {}).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
      ...(each.target === undefined ? [] : ['--target', each.target]),
      '--progress=plain',
    ];
    const image = `differential-${each.name}`;
    const build = (...more: string[]): Promise<Result> =>
      builder.build([...words, ...more, builder.pathOf(place)]);
    const first = await build('-t', image);
    if (first.code !== 0) return { failed: gistOf(first) };
    const exported = await build('-o', `type=tar,dest=${builder.pathOf(archive)}`);
    if (exported.code !== 0) throw new Error(`${each.name}: ${exported.stderr}`);
    const again = await build('-t', image);
    const config = configOf(await builder.inspect(image));
    const observed = {
      tree: changesOf(base, listTree(readFileSync(archive))),
      config,
      cached: cachedSteps(again.stderr + again.stdout),
    };
    if (!each.change) return observed;
    changeContext(place, each);
    const changed = await build('-t', image);
    return { ...observed, cachedAfterChange: cachedSteps(changed.stderr + changed.stdout) };
  } finally {
    rmSync(place, { recursive: true, force: true });
    rmSync(archive, { force: true });
  }
}

/** What the words of both have in common. */
function gistOf({ stdout, stderr }: Result): string {
  const text = stdout + stderr;
  const code = /(?:exit code:|non-zero code:) (\d+)/.exec(text)?.[1];
  if (code !== undefined) return `exit code ${code}`;
  return /not found|no such file|does not exist/.test(text) ? 'a missing file' : text.slice(-300);
}

/** What the base alone exports. */
export async function listBase(builder: Builder, folder: string): Promise<Map<string, string>> {
  const each: Case = { name: 'base', dockerfile: 'FROM busybox\n' };
  const place = join(folder, each.name);
  writeContextOf(place, each);
  const archive = join(folder, 'base.tar');
  const { code, stderr } = await builder.build([
    '-o',
    `type=tar,dest=${builder.pathOf(archive)}`,
    builder.pathOf(place),
  ]);
  if (code !== 0) throw new Error(stderr);
  const tree = listTree(readFileSync(archive));
  rmSync(archive);
  return tree;
}

function writeContextOf(place: string, each: Case): void {
  mkdirSync(place, { recursive: true });
  writeContext(place, each);
}
