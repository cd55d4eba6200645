import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { programs, startEngine, type TestEngine } from '../e2e/harness.ts';
import { run, type Result } from '../e2e/run.ts';
import { missingPeers, type PeerRegistry, startPeerRegistry } from '../registry/peer-registry.ts';
import { digestOf } from '../registry/sample-image.ts';
import { firstOf, platformsImage } from './samples.ts';

const { index, own, other, windows } = platformsImage({ isFree: true });
const foreign = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
const missing = missingPeers();
const reason = skipReason ?? (missing.length > 0 ? `${missing.join(' and ')} not installed` : undefined);
if (reason) console.log(`skipped: images of several platforms beside skopeo and docker-registry: ${reason}`);

describe.skipIf(reason !== undefined)('an image of several platforms', () => {
  const undo = new AsyncDisposableStack();
  let registry: PeerRegistry;
  let engine: TestEngine;
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'silo-platforms-'));
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    registry = undo.use(await startPeerRegistry());
    engine = undo.use(await startEngine());
    await registry.push('team/app:v1', index);
    await registry.push('team/one:v1', own);
    await registry.push('team/two:v1', other);
    await silo('pull', '--all-platforms', name());
  }, 120_000);
  afterAll(() => undo.disposeAsync(), 60_000);

  const name = (): string => `${registry.host}/team/app:v1`;
  const silo = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.silo(...args);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  };
  const skopeo = (...args: string[]): Promise<Result> => run(['skopeo', '--insecure-policy', ...args]);
  const rawOf = async (reference: string): Promise<string> =>
    (await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${reference}`)).stdout;
  const api = async <T>(path: string): Promise<T> => JSON.parse((await engine.api('GET', path)).text) as T;
  const platform = (words: string): string => {
    const [os, architecture] = words.split('/');
    return encodeURIComponent(JSON.stringify({ os, architecture }));
  };
  const timeout = 60_000;

  test(
    'keeps its digest from skopeo through a registry and the engine to another name',
    async () => {
      const target = `${registry.host}/copy/app:v2`;
      await silo('tag', name(), target);
      expect(await silo('push', target)).toContain(`v2: digest: ${firstOf(index).digest}`);
      expect(digestOf(Buffer.from(await rawOf(target)))).toBe(firstOf(index).digest);
      const copied = await skopeo(
        'copy',
        '--all',
        '--src-tls-verify=false',
        `docker://${target}`,
        `dir:${join(folder, 'back')}`,
      );
      expect(copied.code).toBe(0);
      await silo('rmi', target);
    },
    timeout,
  );

  test(
    'is told by the API: descriptor, manifests, platforms',
    async () => {
      const at = `/v1.51/images/${name()}`;
      type Inspect = {
        Id: string;
        Os: string;
        Descriptor?: { digest: string };
        Manifests?: { Kind: string; Available: boolean }[];
      };
      const whole = await api<Inspect>(`${at}/json?manifests=1`);
      expect(whole.Id).toBe(own.blobs[0]?.digest ?? '');
      expect(whole.Descriptor?.digest).toBe(firstOf(index).digest);
      expect(whole.Manifests?.map(({ Kind, Available }) => [Kind, Available])).toEqual([
        ['image', true],
        ['image', true],
        ['image', true],
        ['attestation', true],
      ]);
      expect(await api<Inspect>(`${at}/json?platform=${platform('windows/amd64')}`)).toMatchObject({
        Id: windows.blobs[0]?.digest ?? '',
        Os: 'windows',
      });
      expect(await api<unknown[]>(`${at}/history?platform=${platform(foreign)}`)).toEqual([]);
      const none = await engine.api('GET', `${at}/json?platform=${platform('linux/s390x')}`);
      expect([none.status, none.text]).toEqual([
        404,
        expect.stringContaining('was found but does not provide the specified platform (linux/s390x)'),
      ]);
      expect((await engine.api('GET', `${at}/json?manifests=1&platform=${platform(foreign)}`)).status).toBe(
        400,
      );
      expect((await api<Inspect>(`/v1.47/images/${name()}/json`)).Descriptor).toBeUndefined();
      const listed = await api<Inspect[]>('/v1.51/images/json?manifests=1&shared-size=1');
      expect(listed.map(({ Id }) => Id)).toEqual([whole.Id]);
      expect(listed[0]?.Manifests).toHaveLength(4);
    },
    timeout,
  );

  test(
    'is refused to run for another system, and shown as a tree',
    async () => {
      const refused = await engine.silo('create', '--platform', 'windows/amd64', name());
      expect(refused.stderr).toContain('image operating system "windows" cannot be used on this platform');
      const tree = await silo('images', '--tree');
      for (const part of [name(), `─ ${foreign}`, '─ windows/amd64']) expect(tree).toContain(part);
      await silo('create', '--name', 'foreign', '--platform', foreign, name());
      expect((await engine.silo('rmi', name())).stderr).toContain('container');
      await silo('rm', 'foreign');
      const layers = await silo('image', 'tree');
      expect(layers).toContain(', shared by 2');
      expect(layers.match(/of its own/g)).toHaveLength(2);
    },
    timeout,
  );

  test(
    'is saved so that skopeo reads it in both forms, and loaded from both of skopeo’s',
    async () => {
      const saved = join(folder, 'saved.tar');
      await silo('save', '-o', saved, name());
      const copies = [['--all', `oci-archive:${saved}`], [`docker-archive:${saved}:${name()}`]];
      for (const [place, words] of copies.entries()) {
        const copied = await skopeo('copy', ...words, `dir:${join(folder, `copy${place}`)}`);
        expect([copied.code, copied.stderr]).toEqual([0, '']);
      }
      const single = join(folder, 'single.tar');
      await silo('save', '--platform', foreign, '-o', single, name());
      const config = await skopeo('inspect', '--config', '--raw', `docker-archive:${single}:${name()}`);
      expect(digestOf(Buffer.from(config.stdout))).toBe(other.blobs[0]?.digest ?? '');

      await using elsewhere = await startEngine();
      const load = (path: string, ...words: string[]): Promise<Result> =>
        elsewhere.silo('load', '-i', path, ...words);
      const idOf = async (image: string): Promise<string> =>
        (await elsewhere.silo('image', 'inspect', '--format', '{{.Id}}', image)).stdout.trim();
      const source = `docker://${registry.host}/team/one:v1`;
      for (const form of ['oci-archive', 'docker-archive'] as const) {
        const path = join(folder, `${form}.tar`);
        const target = `${form}:${path}:from.example/${form}:v1`;
        expect((await skopeo('copy', '--src-tls-verify=false', source, target)).code).toBe(0);
        expect((await load(path)).stdout).toContain(`Loaded image: from.example/${form}:v1`);
        expect(await idOf(`from.example/${form}:v1`)).toBe(own.blobs[0]?.digest ?? '');
      }
      expect((await load(saved, '--platform', 'windows/amd64')).code).toBe(0);
      expect(await idOf(name())).toBe(windows.blobs[0]?.digest ?? '');
      expect((await load(saved, '--platform', 'linux/s390x')).stderr).toContain(
        'no image for the platform linux/s390x',
      );
    },
    timeout,
  );

  test(
    'is made of single ones by the manifest commands, as by Docker’s',
    async () => {
      const [list, one, two] = ['list:v1', 'one:v1', 'two:v1'].map(
        (each) => `${registry.host}/team/${each}`,
      ) as [string, string, string];
      const outputs: Record<string, string[]> = {};
      const known = programs.includes('docker') ? (['docker', 'silo'] as const) : (['silo'] as const);
      for (const program of known) {
        const config = join(folder, `config-${program}`);
        const call = async (...args: string[]): Promise<void> => {
          const { command, env } = engine.client(program, 'manifest', ...args);
          const { code, stdout, stderr } = await run(command, { env: { ...env, DOCKER_CONFIG: config } });
          (outputs[program] ??= []).push(`${args.join(' ')}: ${code} ${stdout}${plain(stderr)}`);
        };
        const insecure = '--insecure';
        await call('inspect', insecure, one);
        await call('inspect', insecure, '-v', one);
        await call('create', insecure, list, one, two);
        await call('create', insecure, list, one);
        await call('inspect', insecure, list);
        await call('annotate', '--arch', 'arm', '--variant', 'v7', '--os-features', 'x,y', list, two);
        await call('annotate', '--arch', 'bogus', list, two);
        await call('annotate', '--arch', 'arm', list, `${list}-none`);
        await call('inspect', insecure, list, two);
        await call('inspect', insecure, '-v', list);
        await call('push', insecure, '-p', list);
        await call('push', insecure, list);
        await call('inspect', insecure, list);
        await call('inspect', insecure, '-v', list);
        await call('create', insecure, `${list}2`, list);
        await call('create', insecure, `${list}2`, `${list}-none`);
        await call('create', insecure, `${list}2`, one);
        await call('create', insecure, '--amend', `${list}2`, two);
        await call('inspect', insecure, `${list}2`);
        await call('rm', `${list}2`);
        await call('rm', `${list}2`);
        await call('create', insecure, 'other.example/x:1', one);
        await call('push', insecure, 'other.example/x:1');
      }
      if (outputs['docker']) expect(outputs['silo']).toEqual(outputs['docker']);
      else console.log('skipped: comparing with docker manifest, which is not installed');
      const pushed = digestOf(Buffer.from(await rawOf(list)));
      expect(outputs['silo']?.find((each) => each.startsWith('push'))).toContain(pushed);
    },
    timeout,
  );

  test(
    'is not made of nonsense',
    async () => {
      const raw = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] })).toString('base64');
      const source = { Ref: `${registry.host}/team/one:v1`, Digest: firstOf(own).digest };
      const target = `${registry.host}/team/odd:v1`;
      const bodies = [
        {},
        { Target: 'BAD', Raw: raw, Sources: [] },
        { Target: target, Raw: '', Sources: [] },
        { Target: target, Raw: Buffer.from('[]').toString('base64'), Sources: [] },
        { Target: target, Raw: raw, Sources: [source] },
        { Target: target, Raw: raw, Sources: [{ ...source, Digest: '../x' }] },
        { Target: target, Raw: raw, Sources: Array.from({ length: 201 }, () => source) },
        { Target: 'other.example/x:1', Raw: raw, Sources: [source] },
      ];
      for (const body of bodies) {
        const { status } = await engine.api('POST', '/silo/manifests', body);
        expect([body, status]).toEqual([body, 400]);
      }
      for (const query of ['', '?name=', '?name=BAD', `?name=${registry.host}/team/none:1`])
        expect((await engine.api('GET', `/silo/manifests${query}`)).status).toBeOneOf([400, 404]);
      expect(await rawOf(target)).toBe('');
    },
    timeout,
  );
});

/** The words before an error and the advice after it are each program's own. */
function plain(stderr: string): string {
  return stderr
    .replace(/^(Error response from daemon|Error|silo): /gm, '')
    .replace(/^(hint|Hint):.*$/gm, '')
    .replaceAll(/\n+/g, '\n')
    .trim();
}
