import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cycles, type Import, importsOf, sourceFiles, withoutComments } from './imports.ts';

const root = join(import.meta.dir, '../../src');
const files = sourceFiles(root);
const imports = files.flatMap((file) => importsOf(root, file));

const floors = ['foundation', 'resources', 'engine', 'frontends', 'bin'];
/** Within a floor: a folder may import those named; `*` is the folder's own rank in a chain. */
const foundationRanks: Record<string, number> = {
  base: 0,
  oci: 1,
  kernel: 1,
  db: 1,
  wire: 1,
  x509: 1,
  http: 2,
  archive: 2,
};
const engineRanks: Record<string, number> = {
  events: 0,
  image: 1,
  registry: 1,
  container: 2,
  build: 3,
  pod: 3,
  host: 4,
  cluster: 5,
};

const place = (path: string): { floor: string; folder: string } => {
  const [floor = '', folder = ''] = path.split('/');
  return { floor, folder };
};

/** Why an import breaks the design's house rules, or undefined. */
function offence({ from, to }: Import): string | undefined {
  const source = place(from);
  const target = place(to);
  if (source.floor === 'bin') return undefined;
  if (floors.indexOf(target.floor) > floors.indexOf(source.floor)) return 'upward';
  if (target.floor !== source.floor || target.folder === source.folder) return undefined;
  switch (source.floor) {
    case 'foundation':
      return (foundationRanks[target.folder] ?? 9) < (foundationRanks[source.folder] ?? -1)
        ? undefined
        : 'sideways';
    case 'resources':
      return 'sideways';
    case 'engine':
      return (engineRanks[target.folder] ?? 9) < (engineRanks[source.folder] ?? -1)
        ? undefined
        : 'sideways or upward';
    default:
      return target.folder === 'client' && (source.folder === 'cli' || source.folder === 'dashboard')
        ? undefined
        : 'sideways';
  }
}

test('imports only go down', () => {
  const offences = imports
    .filter((edge) => edge.own)
    .map((edge) => ({ edge, why: offence(edge) }))
    .filter(({ why }) => why !== undefined)
    .map(({ edge, why }) => `${why}: ${edge.from} -> ${edge.to}`);
  expect(offences).toEqual([]);
});

test('every folder has its floor and rank', () => {
  const folders = new Set(files.map((file) => place(file)).map(({ floor, folder }) => `${floor}/${folder}`));
  const known = ({ floor, folder }: { floor: string; folder: string }): boolean =>
    floors.includes(floor) &&
    (floor !== 'foundation' || folder in foundationRanks) &&
    (floor !== 'engine' || folder in engineRanks);
  expect([...folders].filter((path) => !known(place(path)))).toEqual([]);
});

test('no module imports itself through others, type-only imports included', () => {
  expect(cycles(imports).map((cycle) => cycle.join(' -> '))).toEqual([]);
});

test('koffi is spoken to in the kernel floor only', () => {
  const offenders = imports.filter(
    (edge) => /^(@koromix\/)?koffi/.test(edge.to) && !edge.from.startsWith('foundation/kernel/'),
  );
  expect(offenders.map((edge) => edge.from)).toEqual([]);
});

const isTest = (file: string): boolean => /\.(test|contract)\.ts$/.test(file);

test("Bun's own APIs stay in foundation and bin", () => {
  const outside = files.filter((file) => !isTest(file) && !['foundation', 'bin'].includes(place(file).floor));
  const offenders = outside.filter(
    (file) =>
      /\bBun\s*[.[]/.test(withoutComments(readFileSync(join(root, file), 'utf8'))) ||
      imports.some((edge) => edge.from === file && /^bun(:|$)/.test(edge.to)),
  );
  expect(offenders).toEqual([]);
});

test('only bin ends the process', () => {
  const offenders = files.filter(
    (file) =>
      !isTest(file) &&
      place(file).floor !== 'bin' &&
      /\bprocess\s*\.\s*(exit|reallyExit)\s*\(/.test(withoutComments(readFileSync(join(root, file), 'utf8'))),
  );
  expect(offenders).toEqual([]);
});

test('the rules see type-only, re-exported and dynamic imports', () => {
  const seen = importsOf(import.meta.dir, 'sample.txt').map((edge) => edge.to);
  expect(seen).toEqual(['a.ts', 'b.ts', 'c.ts', 'd.ts', 'node:fs']);
});
