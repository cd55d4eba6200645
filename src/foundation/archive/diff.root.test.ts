import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLayerApplier } from './apply.ts';
import { diffLayer } from './diff.ts';
import { listChanges } from './list-changes.ts';
import { output, readAll } from './tar-fixtures.ts';
import { createTarReader } from './tar-reader.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: overlay mounts are made by root only');

let root: string;
const at = (name: string): string => join(root, name);
const shell = (script: string): string => output('sh', ['-ec', script], { cwd: root }).toString();
const overlay = (lower: string, upper: string, merged: string): void => {
  shell(`mkdir -p ${upper} work-${upper} ${merged}
    mount -t overlay overlay -o lowerdir=${lower},upperdir=${upper},workdir=work-${upper} ${merged}`);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'silo-diff-'));
  shell(`mkdir -p lower/etc lower/dir/sub lower/gone lower/replaced
    echo old > lower/etc/conf; echo old > lower/etc/kept; echo old > lower/deleted
    echo old > lower/dir/a; echo old > lower/gone/b; echo old > lower/replaced/c`);
});
afterEach(() => {
  shell('umount merged 2>/dev/null || true; umount again 2>/dev/null || true');
  rmSync(root, { recursive: true, force: true });
});

async function pack(upper: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of diffLayer(upper)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function change(): void {
  overlay('lower', 'upper', 'merged');
  shell(`cd merged; echo new > etc/conf; rm deleted; rm -r gone; echo added > added; ln added linked; ln -s ../x etc/l
    rm -r replaced; mkdir replaced; echo d > replaced/d; mkfifo pipe; chmod 4755 dir/a; chown 5:6 dir/a
    touch -d @1234567890.5 added; touch dir/sub/tmp; rm dir/sub/tmp; mknod null c 1 3`);
}

describe.skipIf(!isRoot)('the difference that a container made', () => {
  test('is listed as added, changed and deleted', () => {
    change();
    expect([...listChanges(at('upper'), [at('lower')])].map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'A /added',
      'D /deleted',
      'C /dir',
      'C /dir/a',
      'C /etc',
      'C /etc/conf',
      'A /etc/l',
      'D /gone',
      'A /linked',
      'A /null',
      'A /pipe',
      'C /replaced',
      'D /replaced/c',
      'A /replaced/d',
    ]);
  });

  test('packed and applied again over the same lower folder is the same tree', async () => {
    change();
    const data = await pack(at('upper'));
    const names = readAll(data).map((entry) => `${entry.type} ${entry.name}`);
    expect(names).toContain('file .wh.deleted');
    expect(names).toContain('file .wh.gone');
    expect(names).toContain('file replaced/.wh..wh..opq');
    expect(names).toContain('hardlink linked');
    mkdirSync(at('layer'));
    using applier = createLayerApplier(at('layer'));
    const reader = createTarReader(applier);
    reader.push(data);
    reader.finish();
    applier.finish();
    overlay('layer:lower', 'second', 'again');
    const list = `find . -mindepth 1 -printf '%p %y %m %U:%G %s %T@ %n %l\\n' | sed -E 's/( d .*) [0-9]+ ([0-9.]+ [0-9]+ )$/\\1 \\2/' | sort`;
    expect(shell(`cd again; ${list}`)).toBe(shell(`cd merged; ${list}`));
    shell('diff -r --no-dereference --exclude=pipe --exclude=null merged again');
  });

  test('is packed to the same bytes each time', async () => {
    change();
    expect((await pack(at('upper'))).equals(await pack(at('upper')))).toBe(true);
  });

  test('of nothing is the root alone', async () => {
    overlay('lower', 'upper', 'merged');
    expect([...listChanges(at('upper'), [at('lower')])]).toEqual([]);
    expect(readAll(await pack(at('upper'))).map((entry) => entry.name)).toEqual(['./']);
  });
});
