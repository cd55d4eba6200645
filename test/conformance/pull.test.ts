import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { startEngine } from '../e2e/harness.ts';
import { run } from '../e2e/run.ts';
import { missingPeers, peerUser, startPeerRegistry } from '../registry/peer-registry.ts';
import type { Target } from './call-docker.ts';
import { compare } from './compare.ts';
import { readFacts, writeFacts } from './facts.ts';
import { writeImageArchive } from './image-archive.ts';
import { cliVersion, needsCli } from './installed-cli.ts';
import { pullScenarios } from './invocations.ts';
import { knownDifferences } from './known-differences.ts';
import { isLive, isRecording } from './mode.ts';
import { play, resetImages } from './play.ts';
import { startRealDocker } from './real-docker.ts';
import type { Outcomes, Scenario } from './scenario.ts';

const missing = missingPeers();
const reason =
  skipReason ??
  needsCli(isRecording) ??
  (missing.length > 0 ? `${missing.join(' and ')} not installed` : undefined);
if (reason) console.log(`skipped: docker pull from a registry of another make: ${reason}`);

describe.skipIf(reason !== undefined)('docker pull from a registry of another make', () => {
  const undo = new AsyncDisposableStack();
  const facts = readFacts('pull');
  const recorded: Record<string, Outcomes> = {};
  let silo: Target;
  let real: Target | undefined;
  let version = '';
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'silo-conformance-'));
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    const files = await writeImageArchive(folder);
    const registry = undo.use(await startPeerRegistry());
    const locked = undo.use(await startPeerRegistry({ password: true }));
    const places = [registry.host, locked.host];
    await Promise.all(places.map((host) => fill(host, files.images)));
    const login = join(folder, 'login');
    await writeLogin(login, locked.host);
    const variables = { ...files, registry: registry.host, locked: locked.host, login };
    const target = (socket: string): Target => ({ socket, config: join(folder, 'no-config'), variables });
    silo = target(undo.use(await startEngine()).socket);
    if (isLive) {
      const docker = undo.use(await startRealDocker({ hostNetwork: true }));
      real = target(docker.socket);
      version = docker.version;
    }
    for (const each of [silo, real]) if (each) await resetImages(each);
  });
  afterAll(async () => {
    if (isRecording) writeFacts('pull', { docker: version, cli: cliVersion(), scenarios: recorded });
    await undo.disposeAsync();
  });

  test.each(pullScenarios.map((scenario): [string, Scenario] => [scenario.name, scenario]))(
    '%s',
    async (name, scenario) => {
      const expected = real ? await play(real, scenario) : (facts?.scenarios[name] ?? {});
      recorded[name] = expected;
      const actual = await play(silo, scenario);
      expect(compare(scenario, expected, actual, knownDifferences)).toEqual([]);
    },
  );
});

/** Puts both images there with skopeo, which packs their layers. */
async function fill(host: string, archive: string): Promise<void> {
  const credentials = `--dest-creds=${peerUser.username}:${peerUser.password}`;
  for (const [from, to] of [
    ['app:1', 'app:1'],
    ['busybox:latest', 'base:1'],
  ]) {
    const words = ['--insecure-policy', 'copy', '-q', '--dest-tls-verify=false', credentials];
    const { code, stderr } = await run([
      'skopeo',
      ...words,
      `docker-archive:${archive}:${from}`,
      `docker://${host}/${to}`,
    ]);
    if (code !== 0) throw new Error(`skopeo: ${stderr}`);
  }
}

/** A folder for `docker --config`, as `docker login` would write it. */
async function writeLogin(folder: string, host: string): Promise<void> {
  await mkdir(folder);
  const auth = Buffer.from(`${peerUser.username}:${peerUser.password}`).toString('base64');
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
}
