import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { archive, member, readAll } from '../../src/foundation/archive/tar-fixtures.ts';
import { chooseArea } from '../../src/engine/container/userns/area.ts';
import { whyNoUserNamespaces } from '../../src/engine/container/userns/probe.ts';
import { isMountPoint } from '../../src/foundation/kernel/mount-info.ts';
import { mountTmpfs, unmount } from '../../src/foundation/kernel/mount.ts';
import { getXattr } from '../../src/foundation/kernel/xattr.ts';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason, upload } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import {
  ask,
  bootstrapBusybox,
  type CreateBody,
  create,
  inspect,
  launch,
  remove,
  runOnce,
  wait,
} from '../e2e/objects.ts';
import { get, put } from '../files/ask.ts';

/** Why none of this can be tried here. */
function whyNot(): string | undefined {
  if (skipReason !== undefined) return skipReason;
  const scratch = mkdtempSync(join(tmpdir(), 'silo-probe-'));
  return whyNoUserNamespaces({
    scratch,
    execRoot: tmpdir(),
    area: chooseArea(undefined, { users: '', groups: '' }),
  });
}

const reason = whyNot();
if (reason) console.log(`skipped: user namespaces of containers: ${reason}`);

setDefaultTimeout(60_000);

describe.skipIf(reason !== undefined)('a container with ids of its own', () => {
  const outside = mkdtempSync(join(tmpdir(), 'silo-userns-'));
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({ args: ['--userns', 'auto'] });
    await bootstrapBusybox(engine);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(outside, { recursive: true });
  });
  afterEach(async () => {
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });
  const sh = (command: string, body: Partial<CreateBody> = {}) =>
    runOnce(engine, 'inside', { Cmd: ['sh', '-c', command], ...body });
  const mapOf = async (name: string): Promise<number[]> => {
    const { State } = await inspect(engine, name);
    return readFileSync(`/proc/${State.Pid}/uid_map`, 'utf8').trim().split(/\s+/).map(Number);
  };
  const exec = async (name: string, ...words: string[]): Promise<string> => {
    const { stdout, stderr } = await engine.silo('exec', name, ...words);
    return stdout + stderr;
  };

  test('is root over its image and its network, and nobody on the host', async () => {
    const { output } = await sh(
      'id -u; stat -c %u:%g /bin/busybox /etc/hosts /etc; ping -c 1 -w 20 127.0.0.1 | grep -c "1 packets received"; cat /proc/sys/net/ipv4/ping_group_range; hostname other 2>&1 | cut -c 1-8',
    );
    expect(output.replaceAll('\t', ' ').trim().split('\n')).toEqual([
      '0',
      '0:0',
      '0:0',
      '0:0',
      '1',
      '0 65535',
      'hostname',
    ]);
    await launch(engine, 'runs', { Cmd: ['sleep', '1000'] });
    const [first = 0, ...rest] = await mapOf('runs');
    expect([first, rest[1]]).toEqual([0, 65_536]);
    expect(rest[0]).toBeGreaterThanOrEqual(65_536);
  });

  test('has other ids than any that runs beside it, also after the engine was killed', async () => {
    await launch(engine, 'one', { Cmd: ['sleep', '1000'] });
    await engine.kill();
    await engine.start();
    await launch(engine, 'two', { Cmd: ['sleep', '1000'] });
    const [one, two] = [await mapOf('one'), await mapOf('two')];
    expect(Math.abs((one[1] ?? 0) - (two[1] ?? 0))).toBeGreaterThanOrEqual(65_536);
    // Known again, not only left alone: an archive has the ids inside.
    await put(engine, 'one', '/', archive(member({ name: 'mine', uid: 7, gid: 8, content: 'x' })));
    expect(await exec('one', 'stat', '-c', '%u:%g', '/mine')).toBe('7:8\n');
  });

  test('leaves on the disk what it would leave without them: files, whiteouts, owners, modes', async () => {
    const id = await launch(engine, 'writes', { Cmd: ['sleep', '1000'], WorkingDir: '/made/for/it' });
    await exec(
      'writes',
      'sh',
      '-c',
      'echo a >/plain; chmod 600 /plain; chown 33:44 /plain; rm /etc/passwd; ln /plain /second; mkdir /etc/dir; chown 5 /etc/group; mv /bin/ls /bin/ls2; rm -r /home; mkdir /home',
    );
    const view =
      'for f in /plain /second /etc/dir /etc/group /made/for/it /bin/ls2; do stat -c "%n %u:%g %a %h" $f; done; ls /etc/passwd /bin/ls 2>&1 | wc -l';
    const before = await exec('writes', 'sh', '-c', view);
    expect(before).toContain('/plain 33:44 600 2\n');
    expect(before).toContain('/made/for/it 0:0 755 2\n');
    const upper = join(engine.dataRoot, 'snapshots/containers', id, 'upper');
    expect(statSync(join(upper, 'plain'))).toMatchObject({ uid: 33, gid: 44 });
    expect(statSync(join(upper, 'made/for/it'))).toMatchObject({ uid: 0, gid: 0 });
    await ask(engine, 'POST', '/commit?container=writes&repo=written&tag=1');
    await ask(engine, 'POST', '/containers/writes/stop?t=0');
    for (const UsernsMode of ['host', '']) {
      const again = await runOnce(engine, 'again', {
        Image: 'written:1',
        Cmd: ['sh', '-c', view],
        HostConfig: { UsernsMode },
      });
      expect(again.output).toBe(before);
    }
  });

  test('shows and changes files of volumes and of the host as their owners know them', async () => {
    const place = join(outside, 'bound');
    mkdirSync(place);
    writeFileSync(join(place, 'theirs'), 'x');
    chownSync(join(place, 'theirs'), 1234, 1235);
    chmodSync(join(place, 'theirs'), 0o600);
    const { output } = await sh(
      'stat -c %u:%g /b/theirs; cat /b/theirs; touch /b/roots /v/roots; chown 1234 /v/roots; stat -c %u /v/roots',
      { HostConfig: { Binds: [`${place}:/b`, 'data:/v'] } },
    );
    expect(output).toBe('1234:1235\nx1234\n');
    expect(statSync(join(place, 'roots')).uid).toBe(0);
    expect(statSync(join(engine.dataRoot, 'volumes/data/_data/roots')).uid).toBe(1234);
  });

  test('leaves the mounts of the host below a shared folder that it was shown, also when it does not start', async () => {
    const place = join(outside, 'shared');
    const below = join(place, 'below');
    mkdirSync(place);
    mountTmpfs({ target: place });
    try {
      await promisify(execFile)('mount', ['--make-rshared', place]);
      mkdirSync(below);
      mountTmpfs({ target: below });
      writeFileSync(join(below, 'file'), 'x');
      const HostConfig = { Binds: [`${place}:/b`] };
      const { output } = await sh(
        'cat /b/below/file; cut -d" " -f1-3 /proc/self/uid_map | grep -c 4294967295',
        {
          HostConfig,
        },
      );
      expect(output).toBe('x0\n');
      // What a later mount hides does not keep it from starting.
      mkdirSync(join(place, 'top/hidden'), { recursive: true });
      mountTmpfs({ target: join(place, 'top/hidden') });
      mountTmpfs({ target: join(place, 'top') });
      const seen = await sh('ls /b/top /b/below', { HostConfig });
      expect(seen.output).toBe('/b/below:\nfile\n\n/b/top:\n');
      await create(engine, 'fails', { Cmd: ['nosuchprogram'], HostConfig });
      expect((await engine.api('POST', '/containers/fails/start')).status).toBe(400);
      await remove(engine, 'fails');
      expect(isMountPoint(below)).toBe(true);
      expect(statSync('/dev/null')).toMatchObject({ uid: 0, gid: 0 });
      expect(statSync('/dev/null').mode & 0o7777).toBe(0o666);
    } finally {
      if (isMountPoint(below)) unmount(below, { detach: true });
      unmount(place, { detach: true });
    }
  });

  test('takes and gives archives with the owners inside, in its layer, volumes and file systems in memory', async () => {
    const HostConfig = { Binds: ['carried:/v'], Tmpfs: { '/t': '' } };
    const id = await launch(engine, 'copied', { Cmd: ['sleep', '1000'], HostConfig });
    for (const path of ['/root', '/v', '/t'])
      await put(
        engine,
        'copied',
        path,
        archive(member({ name: 'deep/file', uid: 12, gid: 13, content: 'x' })),
      );
    expect(
      await exec('copied', 'sh', '-c', 'for p in /root /v /t; do stat -c %u:%g $p/deep $p/deep/file; done'),
    ).toBe('0:0\n12:13\n'.repeat(3));
    for (const path of ['/root', '/v', '/t']) {
      const [, file] = readAll((await get(engine, 'copied', `${path}/deep`)).body);
      expect(file).toMatchObject({ uid: 12, gid: 13 });
    }
    // cap_net_raw+ep: inside it counts for the container's root, on the disk for whoever is root.
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    const xattrs = new Map([['security.capability', capability]]);
    await put(engine, 'copied', '/root', archive(member({ name: 'able', xattrs, content: 'x' })));
    const [able] = readAll((await get(engine, 'copied', '/root/able')).body);
    expect(able?.xattrs?.get('security.capability')).toEqual(capability);
    const onDisk = join(engine.dataRoot, 'snapshots/containers', id, 'upper/root/able');
    expect(getXattr(onDisk, 'security.capability')).toEqual(capability);
    const large = archive(member({ name: 'large', uid: 70_000, content: 'x' }));
    expect(await put(engine, 'copied', '/root', large)).toMatchObject({
      status: 400,
      message: 'the container has no owner 70000:0: its ids are those below 65536',
    });
  });

  test('lets an ordinary user open its own streams, in the first process and in an exec', async () => {
    expect((await sh('echo first >/dev/stdout', { User: '1000' })).output).toBe('first\n');
    await launch(engine, 'streams', { Cmd: ['sleep', '1000'] });
    const { stdout } = await engine.silo(
      'exec',
      '-u',
      '1000',
      'streams',
      'sh',
      '-c',
      'echo exec >/dev/stdout',
    );
    expect(stdout).toBe('exec\n');
  });

  test('does not own the host’s /dev/null, which is its input', async () => {
    const { output } = await sh('chmod 666 /proc/self/fd/0 && echo owned; stat -L -c %u /proc/self/fd/0');
    // Two streams come in either order.
    expect(output).toMatch(/^65534$/m);
    expect(output).not.toContain('owned');
  });

  test('shares its ids with who joins its namespaces', async () => {
    await launch(engine, 'giver', { Cmd: ['sleep', '1000'], HostConfig: { IpcMode: 'shareable' } });
    const ids = await mapOf('giver');
    const joins = [
      { NetworkMode: 'container:giver' },
      { PidMode: 'container:giver' },
      { IpcMode: 'container:giver' },
      { UsernsMode: 'container:giver' },
    ];
    for (const [index, HostConfig] of joins.entries()) {
      await launch(engine, `joins${index}`, { Cmd: ['sleep', '1000'], HostConfig });
      expect(await mapOf(`joins${index}`)).toEqual(ids);
    }
    expect(await exec('joins2', 'sh', '-c', 'touch /dev/shm/here; stat -c %u /dev/shm/here')).toBe('0\n');
  });

  test('keeps the ids that it is told to keep', async () => {
    const { output } = await sh('cat /proc/self/uid_map', {
      HostConfig: { UsernsMode: 'keep-id:uid=1000,gid=1000' },
    });
    expect(output).toMatch(/\n\s+1000\s+1000\s+1\n/);
  });

  const map = 'cat /proc/self/uid_map';
  const hosts = ['0', '0', '4294967295'];
  test.each([
    ['privileged', { HostConfig: { Privileged: true } }],
    ['in a namespace of the host', { HostConfig: { PidMode: 'host' } }],
    [
      'with a device',
      {
        HostConfig: {
          Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'r' }],
        },
      },
    ],
    ['run by a user with a large id', { User: '70000' }],
    ['told so', { HostConfig: { UsernsMode: 'host' } }],
  ])('is not possible for one that is %s: it has those of the host', async (_, body) => {
    expect((await sh(map, body)).output.trim().split(/\s+/)).toEqual(hosts);
  });

  test('is not possible with a folder of an owner that it could not show', async () => {
    const place = join(outside, 'large');
    mkdirSync(place);
    chownSync(place, 70_000, 70_000);
    const { output } = await sh(`${map}; stat -c %u /b`, { HostConfig: { Binds: [`${place}:/b`] } });
    expect(output.trim().split(/\s+/)).toEqual([...hosts, '70000']);
  });

  test('is announced when it was asked for and is not possible, and otherwise not', async () => {
    const warningsOf = async (HostConfig: object): Promise<string[]> => {
      const body = { Image: 'busybox', Cmd: ['true'], HostConfig };
      return (await ask<{ Warnings: string[] }>(engine, 'POST', '/containers/create', body)).Warnings;
    };
    expect(await warningsOf({ Privileged: true, UsernsMode: 'auto' })).toEqual([
      "--userns=auto is not possible, and the ids are the host's: it is privileged.",
    ]);
    expect(await warningsOf({ Privileged: true })).toEqual([]);
  });

  test('says at create that the image has files of owners that it cannot have', async () => {
    const files = [
      member({ type: 'directory', name: 'big' }),
      member({ name: 'big/file', uid: 1_000_660_000, content: 'x' }),
    ];
    await upload(engine, '/images/create?fromSrc=-&repo=large&tag=1', Buffer.from(archive(...files)));
    const warningsOf = async (UsernsMode: string): Promise<string[]> => {
      const body = { Image: 'large:1', Cmd: ['true'], HostConfig: { UsernsMode } };
      return (await ask<{ Warnings: string[] }>(engine, 'POST', '/containers/create', body)).Warnings;
    };
    expect(await warningsOf('')).toEqual([
      "The image has files whose owners are above 65535 (up to 1000660000): in the container they are nobody's and cannot be changed. --userns=host shows them as they are.",
    ]);
    expect(await warningsOf('host')).toEqual([]);
    await engine.kill();
    await engine.start();
    expect(await warningsOf('')).toHaveLength(1);
  });

  test('tells after a death between a start and its record whose ids the run has, not those of the one before', async () => {
    const whose = async (): Promise<unknown> =>
      (await ask<{ UserNamespace?: unknown }>(engine, 'GET', '/containers/subject/json')).UserNamespace;
    await launch(engine, 'subject', { Cmd: ['sleep', '1000'] });
    expect(await whose()).toEqual({ Own: true, Reason: '' });
    await ask(engine, 'POST', '/containers/subject/kill');
    await wait(engine, 'subject');
    await engine.kill();
    await engine.start({ args: ['--userns', 'host'], fault: 'container.start.started' });
    const lost = await engine.api('POST', '/containers/subject/start').catch(() => undefined);
    expect([lost, await engine.died()]).toEqual([undefined, 'SIGKILL']);
    // This one would give ids of its own, and cannot know more.
    await engine.start();
    expect(await whose()).toMatchObject({ Own: false });
  });

  test('says whose ids it has, and the engine that containers have their own', async () => {
    const whose = async (name: string): Promise<unknown> =>
      (await ask<{ UserNamespace?: unknown }>(engine, 'GET', `/containers/${name}/json`)).UserNamespace;
    await launch(engine, 'own', { Cmd: ['sleep', '1000'] });
    await launch(engine, 'hosts', { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'host' } });
    expect(await whose('own')).toEqual({ Own: true, Reason: '' });
    expect(await whose('hosts')).toEqual({
      Own: false,
      Reason: 'it shares the network namespace of the host',
    });
    const { SecurityOptions } = await ask<{ SecurityOptions: string[] }>(engine, 'GET', '/info');
    expect(SecurityOptions).toContain('name=userns');
  });

  test('refuses what no mode of user namespaces is', async () => {
    for (const UsernsMode of ['none', 'keep-id:uid=0', 'container:'])
      expect(await create(engine, 'wrong', { HostConfig: { UsernsMode } }).catch(String)).toContain(
        `invalid userns mode: ${UsernsMode}`,
      );
  });
});

describe.skipIf(reason !== undefined)('the ids of the host for containers', () => {
  test('that are malformed keep the daemon from starting; when all are taken a start says so and the engine goes on', async () => {
    await using engine = await startEngine({ stopped: true });
    await engine.start({ args: ['--userns-range', '70000:9'] }).catch(() => undefined);
    expect(engine.log()).toContain('invalid userns-range "70000:9": it must have 65536 ids or more');
    await engine.start({ args: ['--userns', 'auto', '--userns-range', '3000000000:65536'] });
    await bootstrapBusybox(engine);
    await launch(engine, 'first', { Cmd: ['sleep', '1000'] });
    await create(engine, 'second', { Cmd: ['true'] });
    const refused = await engine.api('POST', '/containers/second/start');
    expect(refused.text).toContain('all 1 ranges of ids for user namespaces are in use');
    await remove(engine, 'first');
    await ask(engine, 'POST', '/containers/second/start');
    await remove(engine, 'second');
    expect(await findLeftovers(engine)).toEqual([]);
  });
});
