import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLayerApplier } from './apply.ts';
import { squashLayers } from './squash.ts';
import { output, readAll } from './tar-fixtures.ts';
import { createTarReader } from './tar-reader.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: overlay mounts are made by root only');

let root: string;
const at = (name: string): string => join(root, name);
const shell = (script: string): string => output('sh', ['-ec', script], { cwd: root }).toString();
/** Runs a script on top of those layers, lowest last; what it changed is the folder `name`. */
const layer = (name: string, below: readonly string[], script: string): void =>
  void shell(`mkdir -p ${name} work m; mount -t overlay overlay -o lowerdir=${below.join(':')},upperdir=${name},workdir=work m
    (cd m; ${script}); umount m; rm -rf work`);
/** All that a stack of layers shows. */
const shown = (layers: readonly string[]): string =>
  shell(`mkdir -p m empty; mount -t overlay overlay -o ro,lowerdir=${[...layers, 'empty'].join(':')} m
    (cd m; find . | sort | while read -r each; do stat -c '%n %F %a %u:%g %t:%T %Y' "$each"; [ ! -f "$each" ] || md5sum < "$each"; [ ! -L "$each" ] || readlink "$each"; done
    getfattr -hR -m - -d . 2>/dev/null || true); umount m`).replace(
    /^(\S+ directory \S+ \S+ \S+) \d+$/gm,
    '$1',
  );

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'silo-squash-'));
});
afterEach(() => {
  shell('umount m 2>/dev/null || true');
  rmSync(root, { recursive: true, force: true });
});

async function squashed(above: readonly string[], below: readonly string[]): Promise<string[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of squashLayers(above.map(at), below.map(at))) chunks.push(chunk);
  const data = Buffer.concat(chunks);
  mkdirSync(at('whole'));
  using applier = createLayerApplier(at('whole'));
  const reader = createTarReader(applier);
  reader.push(data);
  reader.finish();
  applier.finish();
  return readAll(data).map(({ type, name }) => `${type} ${name}`);
}

describe.skipIf(!isRoot)('several layers as one', () => {
  test('show the same: deletions, modes, owners, links, devices, folders that were made anew', async () => {
    shell(`mkdir -p base/etc base/gone/deep base/anew/old base/kept base/swapped base/file-to-dir
      echo old > base/etc/conf; echo old > base/deleted; echo old > base/gone/deep/x; echo old > base/anew/old/x
      echo old > base/back; echo old > base/dir-to-file; echo old > base/kept/a; rm -r base/file-to-dir; echo old > base/file-to-dir
      rm base/dir-to-file; mkdir base/dir-to-file; echo x > base/dir-to-file/x`);
    layer(
      'one',
      ['base'],
      `rm deleted back; rm -r gone anew; mkdir anew; echo 1 > anew/made; echo 1 > etc/conf; echo short > passing; mkdir -p tmp/a/b; echo x > tmp/a/b/x
       echo 1 > linked; ln linked again; ln linked third; mknod null c 1 3; mkfifo pipe; ln -s ../etc l; rm -r dir-to-file; echo f > dir-to-file`,
    );
    layer(
      'two',
      ['one', 'base'],
      `rm passing; rm -r tmp; chmod 4711 etc/conf; chown 7:8 etc; rm again; rm -r anew; mkdir anew; chmod 700 anew; echo 2 > anew/later
       rm file-to-dir; mkdir file-to-dir; echo 2 > file-to-dir/in`,
    );
    layer(
      'three',
      ['two', 'one', 'base'],
      `echo 3 > back; chmod 1777 kept; rm -r swapped; mkdir -p tmp/a; echo 3 > tmp/new; touch -d @1234567890.25 back; rm l; mkdir l; echo 3 > l/file`,
    );
    const names = await squashed(['three', 'two', 'one'], ['base']);
    expect(shown(['whole', 'base'])).toBe(shown(['three', 'two', 'one', 'base']));
    // What was made and deleted again is in it in no form; nor is a deletion of what the base never had.
    expect(names.filter((name) => /passing|again|\.wh\.tmp|a\/b/.test(name))).toEqual([]);
    expect(names).toContain('hardlink third');
    expect(names).toContain('file .wh.deleted');
    expect(names).toContain('file .wh.gone');
    expect(names).toContain('file anew/.wh..wh..opq');
    expect(names).not.toContain('file file-to-dir/.wh..wh..opq');
  }, 60_000);

  test('without anything below hold no deletions at all', async () => {
    shell('mkdir base; echo 1 > base/a; mkdir base/d; echo 1 > base/d/x');
    layer('one', ['base'], 'rm a; rm -r d; mkdir d; echo 2 > d/y');
    const names = await squashed(['one', 'base'], []);
    expect(names).toEqual(['directory ./', 'directory d/', 'file d/y']);
    expect(shown(['whole'])).toBe(shown(['one', 'base']));
  });

  test('the same layers give the same bytes', async () => {
    shell('mkdir base one; echo 1 > base/a; echo 2 > one/b; ln one/b one/c');
    const bytes = async (): Promise<string> => {
      const chunks: Buffer[] = [];
      for await (const chunk of squashLayers([at('one')], [at('base')])) chunks.push(chunk);
      return Buffer.concat(chunks).toString('hex');
    };
    expect(await bytes()).toBe(await bytes());
  });
});
