import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import Docker from 'dockerode';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { packOne } from './one-file-archive.ts';
import { importRedis, missingService, redisImage } from './service-image.ts';

const reason = skipReason ?? missingService;
if (reason) console.log(`skipped: dockerode against a service image: ${reason}`);

/** The client as its users have it: no word of it knows that this is not Docker. */
describe.skipIf(reason !== undefined)('dockerode', () => {
  let engine: TestEngine;
  let docker: Docker;
  beforeAll(async () => {
    engine = await startEngine();
    await importRedis(engine);
    docker = new Docker({ socketPath: engine.socket });
  });
  afterAll(() => engine?.[Symbol.asyncDispose]());

  const startRedis = async (name: string): Promise<Docker.Container> => {
    const container = await docker.createContainer({ name, Image: redisImage, Labels: { suite: name } });
    await container.start();
    const logs = (await container.logs({ follow: true, stdout: true, stderr: true })) as Readable;
    await seen(logs, 'Ready to accept connections');
    logs.destroy();
    return container;
  };
  const exec = async (
    container: Docker.Container,
    command: string[],
    input?: string,
  ): Promise<{ stdout: string; stderr: string; code: number | null }> => {
    const made = await container.exec({
      Cmd: command,
      AttachStdin: input !== undefined,
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await made.start({ hijack: true, stdin: input !== undefined });
    const streams = split(docker, stream);
    if (input !== undefined) stream.end(input);
    const [stdout, stderr] = await Promise.all([text(streams.stdout), text(streams.stderr)]);
    return { stdout, stderr, code: (await made.inspect()).ExitCode };
  };

  test('engine and images tell about themselves', async () => {
    expect(await docker.ping().then(String)).toBe('OK');
    const version = await docker.version();
    expect(version.Os).toBe('linux');
    const info = (await docker.info()) as { OSType: string; Images: number };
    expect([info.OSType, info.Images]).toEqual(['linux', 1]);
    const [image] = await docker.listImages();
    expect(image?.RepoTags).toEqual([redisImage]);
    const inspected = await docker.getImage(redisImage).inspect();
    expect(Object.keys(inspected.Config.ExposedPorts ?? {})).toEqual(['6379/tcp']);
    const history = (await docker.getImage(redisImage).history()) as unknown[];
    expect(history).toHaveLength(1);
  });

  test('a container is made, attached with its input, awaited and removed', async () => {
    const container = await docker.createContainer({
      Image: redisImage,
      Cmd: ['sh', '-c', 'read x; echo got $x; echo err >&2; exit 3'],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
    });
    const stream = await container.attach({
      stream: true,
      stdin: true,
      stdout: true,
      stderr: true,
      hijack: true,
    });
    const streams = split(docker, stream);
    await container.start();
    stream.end('word\n');
    const [stdout, stderr] = await Promise.all([text(streams.stdout), text(streams.stderr)]);
    expect([stdout, stderr]).toEqual(['got word\n', 'err\n']);
    expect(await container.wait()).toMatchObject({ StatusCode: 3 });
    await container.remove();
    const gone = await container.inspect().catch((error: { statusCode: number }) => error.statusCode);
    expect(gone).toBe(404);
  });

  test('docker.run pipes the output and gives the exit code', async () => {
    const output = new PassThrough();
    const told = text(output);
    const ran = (await docker.run(redisImage, ['sh', '-c', 'echo hello; exit 7'], output, {
      HostConfig: { AutoRemove: true },
      Tty: true,
    })) as [{ StatusCode: number }, Docker.Container];
    expect([ran[0].StatusCode, await told]).toEqual([7, 'hello\r\n']);
  });

  test('a service answers through exec, with input, errors and exit codes', async () => {
    const redis = await startRedis('exec');
    expect(await exec(redis, ['redis-cli', 'set', 'k', 'v'])).toEqual({
      stdout: 'OK\n',
      stderr: '',
      code: 0,
    });
    expect(await exec(redis, ['redis-cli', '-x', 'set', 'long'], 'from input')).toMatchObject({
      stdout: 'OK\n',
    });
    expect((await exec(redis, ['redis-cli', 'get', 'long'])).stdout).toBe('from input\n');
    expect(await exec(redis, ['sh', '-c', 'echo e >&2; exit 4'])).toEqual({
      stdout: '',
      stderr: 'e\n',
      code: 4,
    });
    await redis.remove({ force: true });
  });

  test('logs, statistics and processes are told', async () => {
    const redis = await startRedis('seen');
    const logs = await redis.logs({ stdout: true, stderr: true, tail: 1, timestamps: true });
    expect(logs.toString()).toMatch(/\d{4}-\d\d-\d\dT[\d:.]+Z .*Ready to accept connections/);
    const once = await redis.stats({ stream: false });
    expect(once.pids_stats?.current).toBeGreaterThan(0);
    const stream = (await redis.stats({ stream: true })) as unknown as Readable;
    const first = JSON.parse(await seen(stream, '\n')) as { memory_stats: { usage: number } };
    stream.destroy();
    expect(first.memory_stats.usage).toBeGreaterThan(0);
    const processes = (await redis.top()) as { Titles: string[]; Processes: string[][] };
    expect(processes.Processes[0]?.join(' ')).toContain('redis-server');
    await redis.remove({ force: true });
  });

  test('archives go in and come out', async () => {
    const redis = await startRedis('archive');
    await redis.putArchive(Readable.from([packOne('note.txt', 'a note\n')]), { path: '/data' });
    expect((await exec(redis, ['cat', '/data/note.txt'])).stdout).toBe('a note\n');
    const archive = await buffer(await redis.getArchive({ path: '/data/note.txt' }));
    expect(archive.subarray(512, 519).toString()).toBe('a note\n');
    const head = (await redis.infoArchive({ path: '/data/note.txt' })) as unknown as Readable & {
      headers: Record<string, string>;
    };
    const stat = JSON.parse(
      Buffer.from(head.headers['x-docker-container-path-stat'] ?? '', 'base64').toString(),
    ) as { name: string; size: number };
    expect([stat.name, stat.size]).toEqual(['note.txt', 7]);
    const changes = (await redis.changes()) as { Path: string; Kind: number }[];
    expect(changes).toContainEqual({ Path: '/data/note.txt', Kind: 1 });
    const whole = await buffer(await redis.export());
    expect(whole.includes('data/note.txt')).toBe(true);
    await redis.remove({ force: true });
  });

  test('a commit is an image that holds what was written', async () => {
    const redis = await startRedis('commit');
    await exec(redis, ['sh', '-c', 'echo kept > /data/kept']);
    const { Id } = (await redis.commit({ repo: 'committed', tag: '1', comment: 'by dockerode' })) as {
      Id: string;
    };
    expect(Id).toStartWith('sha256:');
    const reader = await docker.createContainer({ Image: 'committed:1', Cmd: ['cat', '/data/kept'] });
    await reader.start();
    await reader.wait();
    expect((await reader.logs({ stdout: true })).toString()).toEndWith('kept\n');
    await reader.remove();
    await docker.getImage('committed:1').tag({ repo: 'other', tag: '2' });
    await docker.getImage('other:2').remove();
    await docker.getImage('committed:1').remove();
    await redis.remove({ force: true });
  });

  test('progress of an import is followed to its end', async () => {
    const stream = await docker.importImage(Readable.from([packOne('file', 'x')]), {
      repo: 'tiny',
      tag: '1',
    });
    const progress = await new Promise<unknown[]>((resolve, reject) => {
      docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output)));
    });
    expect(progress.length).toBeGreaterThan(0);
    const images = await docker.listImages({ filters: { reference: ['tiny'] } });
    expect(images).toHaveLength(1);
    await docker.getImage('tiny:1').remove();
  });

  test('a pull that fails says so in its progress or its status', async () => {
    const failed = await docker.pull('127.0.0.1:1/nothing:1').then(
      (stream) =>
        new Promise<Error>((resolve, reject) => {
          docker.modem.followProgress(stream, (error) =>
            error ? resolve(error) : reject(new Error('pulled')),
          );
        }),
      (error: Error) => error,
    );
    expect(failed.message).toContain('127.0.0.1:1');
  });

  test('a life is paused, renamed, updated, restarted, killed, and told by events', async () => {
    const since = Math.floor(Date.now() / 1000);
    const redis = await startRedis('life');
    await redis.pause();
    expect((await redis.inspect()).State.Status).toBe('paused');
    await redis.unpause();
    await redis.rename({ name: 'renamed' });
    await redis.update({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } });
    await redis.restart({ t: 5 });
    const waits = redis.wait({ condition: 'next-exit' });
    await redis.kill({ signal: 'KILL' });
    expect(await waits).toMatchObject({ StatusCode: 137 });
    const output = await redis.attach({ stream: true, stdout: true });
    await redis.start();
    // Before this it does not know the signal.
    await seen(output as unknown as Readable, 'Ready to accept connections');
    await redis.stop({ t: 5 });
    await redis.remove();
    const events = await text(
      await docker.getEvents({
        since,
        until: Math.ceil(Date.now() / 1000),
        filters: { label: ['suite=life'] },
      }),
    );
    const actions = events
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { Action: string }).Action);
    const told =
      'create start pause unpause rename update kill die stop start restart kill die attach start kill die stop destroy';
    expect(actions.join(' ')).toBe(told);
  });

  test('networks and volumes are made, joined, listed and pruned', async () => {
    const network = await docker.createNetwork({ Name: 'together', Labels: { suite: 'yes' } });
    await docker.createVolume({ Name: 'kept', Labels: { suite: 'yes' } });
    const container = await docker.createContainer({
      Image: redisImage,
      HostConfig: { NetworkMode: 'together', Binds: ['kept:/kept'] },
    });
    await container.start();
    const seenNetwork = (await network.inspect()) as { Containers: Record<string, unknown> };
    expect(Object.keys(seenNetwork.Containers)).toEqual([container.id]);
    const { Volumes } = await docker.listVolumes({ filters: { label: ['suite=yes'] } });
    expect(Volumes.map(({ Name }) => Name)).toEqual(['kept']);
    const usage = (await docker.df()) as { Containers: unknown[]; Images: unknown[]; Volumes: unknown[] };
    expect([usage.Containers.length, usage.Images.length, usage.Volumes.length]).toEqual([1, 1, 1]);
    await container.stop({ t: 0 });
    const pruned = await docker.pruneContainers();
    expect(pruned.ContainersDeleted).toEqual([container.id]);
    expect((await docker.pruneNetworks()).NetworksDeleted).toEqual(['together']);
    await docker.getVolume('kept').remove();
    expect((await docker.pruneImages()).SpaceReclaimed).toBe(0);
  });

  test('errors have the status and the message that its users match on', async () => {
    const status = (promise: Promise<unknown>): Promise<[number, string]> =>
      promise.then(
        () => [0, ''],
        (error: { statusCode: number; json: { message: string } }) => [error.statusCode, error.json.message],
      );
    expect(await status(docker.getContainer('nosuch').inspect())).toEqual([404, 'No such container: nosuch']);
    expect(await status(docker.createContainer({ Image: 'nosuch' }))).toEqual([
      404,
      'No such image: nosuch:latest',
    ]);
    const container = await docker.createContainer({ Image: redisImage, name: 'one' });
    expect((await status(docker.createContainer({ Image: redisImage, name: 'one' })))[0]).toBe(409);
    expect((await status(container.kill()))[0]).toBe(409);
    expect((await status(container.stop()))[0]).toBe(304);
    await container.remove();
  });
});

function split(docker: Docker, stream: NodeJS.ReadWriteStream): { stdout: PassThrough; stderr: PassThrough } {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  docker.modem.demuxStream(stream, streams.stdout, streams.stderr);
  stream.on('end', () => {
    streams.stdout.end();
    streams.stderr.end();
  });
  return streams;
}

/** Reads until the words were there, and gives what came so far. */
async function seen(stream: Readable, words: string): Promise<string> {
  let told = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    told += String(chunk);
    if (told.includes(words)) return told;
  }
  throw new Error(`the stream ended without "${words}": ${told}`);
}
