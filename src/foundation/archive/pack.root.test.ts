import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { closeSync, openSync, readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../base/errors.ts';
import { setXattr } from '../kernel/xattr.ts';
import { pack, readChanges } from './pack-process.ts';
import { output, readAll } from './tar-fixtures.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: files of others are read by root only');

const command = [process.execPath, join(import.meta.dir, '../../bin/pack.ts')];
let root: string;
const at = (name: string): string => join(root, name);
const shell = (script: string): string => output('sh', ['-ec', script], { cwd: root }).toString();
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'silo-pack-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function collectAll(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of pieces) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe.skipIf(!isRoot)('the packer', () => {
  test('gives a whole tree, without its root, hard links and attributes kept, links not followed', async () => {
    shell(`mkdir -p tree/a/b; echo x > tree/a/file; ln tree/a/file tree/a/same; ln -s /etc tree/out; mkfifo tree/pipe
      chmod 4711 tree/a/file; chown 7:8 tree/a/b; touch -d @1234567890.5 tree/a/file`);
    const fd = openSync(at('tree'), 'r');
    const tar = await collectAll(pack({ job: { kind: 'tree' }, root: fd, command }));
    closeSync(fd);
    const entries = readAll(tar);
    expect(entries.map(({ type, name }) => `${type} ${name}`)).toEqual([
      'directory a/',
      'directory a/b/',
      'file a/file',
      'hardlink a/same',
      'symlink out',
      'fifo pipe',
    ]);
  });

  test('gives files of all sizes with the bytes they have, in order', async () => {
    const sizes = [1, 100, 150_000, 3, 70_000, 140_000, 200_000, 5, 262_144, 9, 700_000, 131_073, 2];
    shell('mkdir tree');
    const names = sizes.map((size, place) => `${String(place).padStart(3, '0')}-${size}`);
    for (const [place, name] of names.entries())
      writeFileSync(join(at('tree'), name), Buffer.alloc(sizes[place] ?? 0, place + 1));
    const tar = await collectAll(pack({ job: { kind: 'layer', upper: at('tree') }, command }));
    const files = readAll(tar).filter(({ type }) => type === 'file');
    expect(files.map(({ name }) => name)).toEqual(names);
    for (const [place, { content }] of files.entries())
      expect(content.equals(Buffer.alloc(sizes[place] ?? 0, place + 1))).toBe(true);
  });

  test('tells changes in pieces that need not end with a record', async () => {
    shell(`mkdir lower upper; for i in $(seq 800); do echo $i > upper/file$i; done; echo x > lower/file1`);
    const job = { kind: 'changes', upper: at('upper'), lowers: [at('lower')] } as const;
    const found: string[] = [];
    for await (const some of readChanges(pack({ job, command })))
      found.push(...some.map(({ kind, path }) => kind + path));
    expect(found).toHaveLength(800);
    expect(found.slice(0, 2)).toEqual(['C/file1', 'A/file10']);
  });

  test('says what failed', async () => {
    const work = collectAll(pack({ job: { kind: 'layer', upper: at('nowhere') }, command }));
    const error = await work.catch(toSiloError);
    expect(error).toMatchObject({ code: 'enoent', message: expect.stringContaining('nowhere') });
    const missing = collectAll(pack({ job: { kind: 'tree' }, command: ['/nonexistent/packer'] }));
    expect(await missing.catch(toSiloError)).toMatchObject({ kind: 'internal' });
  });

  test('refuses a folder whose content is elsewhere', async () => {
    shell('mkdir -p upper/moved');
    setXattr(at('upper/moved'), 'trusted.overlay.redirect', Buffer.from('other'));
    const work = collectAll(pack({ job: { kind: 'layer', upper: at('upper') }, command }));
    expect(await work.catch(toSiloError)).toMatchObject({
      kind: 'unsupported',
      hint: expect.stringContaining('redirect_dir=off'),
    });
  });

  test('ends when nobody reads on, and when it is aborted', async () => {
    shell(`mkdir tree; truncate -s 2G tree/large`);
    const fd = openSync(at('tree'), 'r');
    const pieces = pack({ job: { kind: 'tree' }, root: fd, command });
    await pieces.next();
    expect(packers()).toHaveLength(1);
    await pieces.return(undefined);
    expect(packers()).toEqual([]);
    const controller = new AbortController();
    const aborted = pack({ job: { kind: 'tree' }, root: fd, command, signal: controller.signal });
    await aborted.next();
    controller.abort();
    expect(await collectAll(aborted).catch(toSiloError)).toMatchObject({ kind: 'canceled' });
    expect(packers()).toEqual([]);
    closeSync(fd);
  });

  test('leaves sockets out', async () => {
    shell('mkdir tree; echo x > tree/file');
    const server = createServer().listen(at('tree/socket'));
    await new Promise((resolve) => createConnection(at('tree/socket')).once('connect', resolve).unref());
    const fd = openSync(at('tree'), 'r');
    const entries = readAll(await collectAll(pack({ job: { kind: 'tree' }, root: fd, command })));
    closeSync(fd);
    server.close();
    expect(entries.map(({ name }) => name)).toEqual(['file']);
  });
});

/** Packers of this process. */
function packers(): string[] {
  return shell('ls /proc')
    .split('\n')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.some((word) => word.endsWith('/pack.ts')) && words.includes(String(process.pid));
      } catch {
        return false;
      }
    });
}
