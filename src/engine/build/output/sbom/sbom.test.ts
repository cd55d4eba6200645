import { expect, test } from 'bun:test';
import type { Tree, TreeEntry } from '../../solve/files/tree.ts';
import { newFolder, treeOver } from '../../solve/files/tree.ts';
import { type Inventory, scanPackages } from './scan.ts';
import { spdxDocument } from './spdx.ts';

/** A tree of these files; a text that begins with `->` is a link. */
async function treeOf(files: Record<string, string>): Promise<Tree> {
  const entries = new Map<string, TreeEntry>([['', newFolder]]);
  const contents = new Map<TreeEntry, string>();
  for (const [path, text] of Object.entries(files)) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join('/');
      if (!entries.has(folder)) entries.set(folder, { ...newFolder });
    }
    const entry: TreeEntry = text.startsWith('->')
      ? { ...newFolder, type: 'symlink', linkName: text.slice(2), mode: 0o777 }
      : { ...newFolder, type: 'file', mode: 0o644, size: Buffer.byteLength(text) };
    entries.set(path, entry);
    contents.set(entry, text);
  }
  return await treeOver(entries, {
    async *read(entry) {
      yield Buffer.from(contents.get(entry) ?? '');
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

const scan = async (files: Record<string, string>): Promise<Inventory> => {
  await using tree = await treeOf(files);
  return await scanPackages(tree, undefined);
};
const purls = async (files: Record<string, string>): Promise<string[]> =>
  (await scan(files)).packages.map(({ purl }) => purl);

test('Debian: what is installed, also in folders of minimal images', async () => {
  const release = 'ID=debian\nVERSION_ID="13"\n';
  expect(
    await purls({
      'etc/os-release': release,
      'var/lib/dpkg/status':
        'Package: bash\nStatus: install ok installed\nMaintainer: Some One\nArchitecture: amd64\nVersion: 5.2.37-2+b1\nDescription: a\n shell\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n',
      'var/lib/dpkg/status.d/tzdata': 'Package: tzdata\nArchitecture: all\nVersion: 2025b-4\n',
      'var/lib/dpkg/status.d/tzdata.md5sums': 'Package: not\nVersion: 1\n',
    }),
  ).toEqual([
    'pkg:deb/debian/bash@5.2.37-2%2Bb1?arch=amd64&distro=debian-13',
    'pkg:deb/debian/tzdata@2025b-4?arch=all&distro=debian-13',
  ]);
});

test('Alpine, npm and Python', async () => {
  expect(
    await purls({
      'usr/lib/os-release': 'ID=alpine\nVERSION_ID=3.22.0\n',
      'lib/apk/db/installed': 'C:Q1\nP:musl\nV:1.2.5-r10\nA:x86_64\nL:MIT\n\nP:zlib\nV:1.3-r0\n',
      'app/package-lock.json': JSON.stringify({
        packages: {
          '': { name: 'app' },
          'node_modules/@scope/one': { version: '1.0.0', license: 'ISC' },
          'node_modules/a/node_modules/two': { version: '2.0.0' },
          'node_modules/linked': { link: true },
        },
      }),
      'app/node_modules/three/package.json': JSON.stringify({ name: 'three', version: '3.0.0' }),
      'app/node_modules/three/test/package.json': JSON.stringify({ name: 'no', version: '0' }),
      'app/package.json': JSON.stringify({ name: 'app', version: '9' }),
      'usr/lib/python3/dist-packages/Some_Thing-4.dist-info/METADATA':
        'Metadata-Version: 2.1\nName: Some_Thing\nVersion: 4\n\nName: other\n',
    }),
  ).toEqual([
    'pkg:apk/alpine/musl@1.2.5-r10?arch=x86_64&distro=alpine-3.22.0',
    'pkg:apk/alpine/zlib@1.3-r0?arch=noarch&distro=alpine-3.22.0',
    'pkg:pypi/some-thing@4',
    'pkg:npm/%40scope/one@1.0.0',
    'pkg:npm/two@2.0.0',
    'pkg:npm/three@3.0.0',
  ]);
  expect(
    await purls({
      'package-lock.json': '{"dependencies":{"a":{"version":"1","dependencies":{"b":{"version":"2"}}}}}',
    }),
  ).toEqual(['pkg:npm/a@1', 'pkg:npm/b@2']);
});

test('files of strangers: broken, of other types, too large, with control characters', async () => {
  expect(
    await purls({
      'a/package-lock.json': '{"packages":[1,2',
      'b/package-lock.json': '{"packages":{"x":null,"y":{"version":{}}},"dependencies":7}',
      'node_modules/x/package.json': '[]',
      'var/lib/dpkg/status': '->/etc/shadow',
      'lib/apk/db/installed': '\0\0\n\n\nP:\nV:1\n',
      'x.dist-info/METADATA': 'Name: only',
    }),
  ).toEqual([]);
  const { packages } = await scan({ 'lib/apk/db/installed': `P:a\u001b[31mb\nV:${'1'.repeat(9000)}\n` });
  expect(packages[0]?.name).toBe('a [31mb');
  expect(packages[0]?.version.length).toBe(500);
  const large = await scan({ 'x.dist-info/METADATA': `Name: a\nVersion: 1\n${'x'.repeat(2 << 20)}` });
  expect(large).toMatchObject({ packages: [], isCut: true });
});

test('the document names the image, its packages and how they belong together', async () => {
  const inventory = await scan({ 'lib/apk/db/installed': 'P:musl\nV:1\nL:MIT\n' });
  const image = { name: 'app:1', digest: `sha256:${'a'.repeat(64)}`, createdAtMs: 0 };
  const document = spdxDocument(inventory, image);
  expect(document).toMatchObject({
    spdxVersion: 'SPDX-2.3',
    creationInfo: { created: '1970-01-01T00:00:00Z' },
    packages: [
      { name: 'app:1', SPDXID: 'SPDXRef-DocumentRoot-Image' },
      { name: 'musl', versionInfo: '1', licenseComments: 'MIT' },
    ],
    relationships: [
      { relationshipType: 'DESCRIBES' },
      { spdxElementId: 'SPDXRef-DocumentRoot-Image', relationshipType: 'CONTAINS' },
    ],
  });
  expect(spdxDocument(inventory, image)).toEqual(document);
});
