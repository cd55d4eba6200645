import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { formatMember, endOfArchive, contentPadding } from '../../src/foundation/archive/tar-writer.ts';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, remove } from '../e2e/objects.ts';
import { run as execute } from '../e2e/run.ts';

// Engines start and die here, on a machine that others use too.
setDefaultTimeout(90_000);
if (skipReason) console.log(`skipped: volumes as archives: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('volumes as archives, and copies of them', () => {
  let engine: TestEngine;
  let folder = '';
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    folder = join(engine.directory, 'archives');
    mkdirSync(folder);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
    await engine.api('POST', '/volumes/prune?filters={"all":["true"]}');
    expect(await findLeftovers(engine)).toEqual([]);
    expect(staged()).toEqual([]);
  });
  const staged = (): string[] =>
    readdirSync(join(engine.dataRoot, 'volumes')).filter((name) => name.startsWith('.'));
  const said = async (...args: string[]): Promise<string> => {
    const result = await engine.silo(...args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  };
  const refused = async (...args: string[]): Promise<string> => {
    const result = await engine.silo(...args);
    expect(result.code).not.toBe(0);
    return result.stderr;
  };
  const sh = (name: string, command: string): Promise<string> =>
    said('run', '--rm', '-v', `${name}:/v`, 'busybox', 'sh', '-c', command);
  const place = (name: string): string => join(engine.dataRoot, 'volumes', name, '_data');
  const listing = async (name: string): Promise<string> =>
    (
      await execute(
        ['sh', '-c', 'cd "$1" && find . -printf "%P %y %m %U:%G %n %T@ %l\\n" | sort', 'sh', place(name)],
        {},
      )
    ).stdout;
  const make = async (name: string): Promise<void> => {
    await sh(
      name,
      'cd /v; mkdir -p a/b; echo one > a/one; ln a/one a/b/two; ln -s /etc/passwd link; chown -R 77:88 a; chmod 2750 a/b; mkfifo pipe; chmod 1777 .; touch -d "2001-02-03 04:05:06" a/one',
    );
  };

  test('export and import give the same volume, plain and compressed', async () => {
    await make('data');
    for (const kind of ['none', 'gzip', 'zstd']) {
      const file = join(folder, `data.${kind}`);
      await said('volume', 'export', '--compress', kind, '-o', file, 'data');
      expect(await said('volume', 'import', `copy-${kind}`, file)).toBe(`copy-${kind}\n`);
      expect(await listing(`copy-${kind}`)).toBe(await listing('data'));
    }
    expect(readFileSync(join(folder, 'data.gzip')).subarray(0, 2).toString('hex')).toBe('1f8b');
    expect(readFileSync(join(folder, 'data.zstd')).subarray(0, 4).toString('hex')).toBe('28b52ffd');
    // Other programs read it.
    const { stdout } = await execute(['tar', '-tf', join(folder, 'data.none')], {});
    expect(stdout).toContain('./a/b/two');
  });

  test('holes stay holes, zeros of an archive become some', async () => {
    await sh(
      'data',
      'truncate -s 16777216 /v/hole; echo end >> /v/hole; echo x > /v/small; truncate -s 65536 /v/empty',
    );
    const file = join(folder, 'holes.tar');
    await said('volume', 'export', '-o', file, 'data');
    expect(statSync(file).size).toBeLessThan(100_000);
    await said('volume', 'import', 'copy', file);
    const facts = 'cd /v; sha256sum hole small empty; du -k hole empty';
    const wanted = await sh('data', facts);
    expect(await sh('copy', facts)).toBe(wanted);
    // GNU tar's form, both ways; and zeros that nobody marked.
    const tree = join(folder, 'tree');
    const plain = join(folder, 'plain.tar');
    const { code } = await execute(
      ['sh', '-c', `mkdir ${tree} && tar -C ${tree} -xf ${file} && tar -C ${tree} -cf ${plain} .`],
      {},
    );
    expect(code).toBe(0);
    expect(statSync(join(tree, 'hole')).blocks).toBeLessThan(100);
    expect(statSync(plain).size).toBeGreaterThan(16_000_000);
    await said('volume', 'import', 'again', plain);
    expect(await sh('again', facts)).toBe(wanted);
  });

  test('into an empty volume, never into one with content or in use', async () => {
    await make('data');
    const file = join(folder, 'some.tar');
    await said('volume', 'export', '-o', file, 'data');
    await said('volume', 'create', '--label', 'kept=yes', 'empty');
    await said('volume', 'import', 'empty', file);
    expect(await said('volume', 'inspect', '-f', '{{.Labels.kept}}', 'empty')).toBe('yes\n');
    expect(await refused('volume', 'import', 'empty', file)).toContain('volume empty is not empty');
    await said('volume', 'create', 'used');
    await said('create', '--name', 'user', '-v', 'used:/v', 'busybox', 'true');
    expect(await refused('volume', 'import', 'used', file)).toContain('volume used is in use');
    expect(await refused('volume', 'clone', 'data', 'used')).toContain('volume used is in use');
    expect(await refused('volume', 'clone', 'data', 'data')).toContain('onto itself');
    expect(await refused('volume', 'clone', 'nobody', 'x1')).toContain('get nobody: no such volume');
    expect(await refused('volume', 'export', 'nobody', '-o', join(folder, 'no'))).toContain('no such volume');
    expect(existsSync(join(folder, 'no'))).toBe(false);
    expect(await refused('volume', 'import', '.x', file)).toContain('includes invalid characters');
    expect(await refused('volume', 'export', '--compress', 'xz', 'data')).toContain('unknown compression');
  });

  test('a clone is the same and apart', async () => {
    await make('data');
    expect(await said('volume', 'clone', 'data', 'copy')).toBe('copy\n');
    expect(await listing('copy')).toBe(await listing('data'));
    await sh('copy', 'echo changed > /v/a/one');
    expect(await sh('data', 'cat /v/a/one')).toBe('one\n');
  });

  test('a volume with options is read while it is mounted for it', async () => {
    const source = join(folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'inside'), 'x');
    await said('volume', 'create', '-o', 'type=none', '-o', 'o=bind', '-o', `device=${source}`, 'bound');
    await said('volume', 'clone', 'bound', 'plain');
    expect(await sh('plain', 'cat /v/inside')).toBe('x');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(place('bound'));
    expect(await refused('volume', 'clone', 'plain', 'bound')).toContain('has options');
    rmSync(source, { recursive: true });
    expect(await refused('volume', 'export', 'bound', '-o', join(folder, 'gone'))).toContain('no such file');
    // Prune spares volumes with options.
    await said('volume', 'rm', 'bound');
  });

  test('kill -9 at any step leaves the old or the new state', async () => {
    await make('data');
    const file = join(folder, 'kill.tar');
    await said('volume', 'export', '-o', file, 'data');
    for (const [fault, isThere] of [
      ['volume.fill.filled', false],
      ['volume.fill.renamed', true],
    ] as const)
      for (const words of [
        ['import', 'target', file],
        ['clone', 'data', 'target'],
      ]) {
        await engine.stop();
        await engine.start({ fault });
        await engine.silo('volume', ...words);
        await engine.died();
        await engine.start();
        const names = (await said('volume', 'ls', '-q')).trim().split('\n');
        expect(names.includes('target')).toBe(isThere);
        if (!isThere) continue;
        expect(await listing('target')).toBe(await listing('data'));
        await said('volume', 'rm', 'target');
      }
  });

  test('ENOSPC leaves nothing', async () => {
    const disk = join(folder, 'small');
    mkdirSync(disk);
    await said('volume', 'create', 'full');
    // The folder of the volumes is too small for a moment.
    const volumes = join(engine.dataRoot, 'volumes');
    const big = join(folder, 'big.tar');
    writeFileSync(join(folder, 'big'), Buffer.alloc(6 << 20, 1));
    await execute(['tar', '-C', folder, '-cf', big, 'big'], {});
    await execute(['mount', '-t', 'tmpfs', '-o', 'size=3m', 'small', volumes], {});
    try {
      expect(await refused('volume', 'import', 'fresh', big)).toContain('no space left on device');
      expect(readdirSync(volumes)).toEqual([]);
    } finally {
      await execute(['umount', '-l', volumes], {});
    }
    expect(await said('volume', 'ls', '-q')).toBe('full\n');
  });

  test('attack: archives that reach outside, lie or end early change nothing', async () => {
    const time = { sec: 0, nsec: 0 };
    const member = (type: 'file' | 'symlink' | 'hardlink', name: string, more: object = {}): Buffer =>
      formatMember({ type, name, mode: 0o644, uid: 0, gid: 0, mtime: time, ...more });
    const file = (name: string, text = 'evil'): Buffer =>
      Buffer.concat([
        member('file', name, { size: text.length }),
        Buffer.from(text),
        contentPadding(text.length),
      ]);
    const canary = join(engine.directory, 'canary');
    writeFileSync(canary, 'safe');
    const archives: Record<string, Buffer[]> = {
      'a parent': [file('../../../../canary'), endOfArchive],
      'a link out': [
        member('symlink', 'out', { linkName: engine.directory }),
        file('out/canary'),
        endOfArchive,
      ],
      'a hard link out': [
        member('hardlink', 'x', { linkName: `../../../../${canary}` }),
        file('x'),
        endOfArchive,
      ],
      'an absolute name': [file(canary), endOfArchive],
      'an early end': [member('file', 'x', { size: 100_000 }), Buffer.alloc(512)],
      rubbish: [Buffer.alloc(2048, 0x41)],
      nothing: [],
    };
    for (const [what, pieces] of Object.entries(archives)) {
      const path = join(folder, 'evil.tar');
      writeFileSync(path, Buffer.concat(pieces));
      const { code } = await engine.silo('volume', 'import', 'evil', path);
      expect({ what, canary: readFileSync(canary, 'utf8') }).toEqual({ what, canary: 'safe' });
      const names = await said('volume', 'ls', '-q');
      expect({ what, isThere: names.includes('evil') }).toEqual({ what, isThere: code === 0 });
      if (code === 0) await said('volume', 'rm', 'evil');
      expect(staged()).toEqual([]);
    }
    expect((await engine.silo('volume', 'ls', '-q')).stdout).toBe('');
  });

  test('attack: links in a volume that lead outside are copied as links, nothing behind them is read', async () => {
    await said('volume', 'create', 'links');
    writeFileSync(join(folder, 'secret'), 'secret content');
    symlinkSync(folder, join(place('links'), 'dir'));
    symlinkSync(join(folder, 'secret'), join(place('links'), 'file'));
    await said('volume', 'clone', 'links', 'copied');
    expect(readdirSync(place('copied')).sort()).toEqual(['dir', 'file']);
    const tar = join(folder, 'links.tar');
    await said('volume', 'export', '-o', tar, 'links');
    expect(readFileSync(tar, 'latin1')).not.toContain('secret content');
  });
});
