import { expect, test } from 'bun:test';
import { createGraph } from '../graph/graph.ts';
import type { ExecVertex } from '../graph/vertex.ts';
import { mustRun, targetPlatforms } from './platforms.ts';

const place = {
  stage: 0,
  isTrigger: false,
  span: { line: 3, column: 1, length: 1, endLine: 3 },
  title: 'RUN x',
};
const exec: Omit<ExecVertex, 'root'> = {
  kind: 'exec',
  args: ['x'],
  env: [],
  cwd: '/',
  user: '',
  network: 'default',
  security: 'sandbox',
  devices: [],
  mounts: [],
};

test('a RUN for another processor needs an emulator, copies need none', () => {
  const graph = createGraph();
  const root = graph.add({ kind: 'scratch', platform: 'linux/s390x' });
  graph.add({ kind: 'folder', root, path: '/x' });
  expect(() => mustRun(graph, () => [])).not.toThrow();
  graph.add({ ...exec, root }, place);
  expect(() => mustRun(graph, () => ['qemu-s390x'])).not.toThrow();
  expect(() => mustRun(graph, () => ['qemu-aarch64'])).toThrow(
    'dockerfile line 3: RUN for linux/s390x needs an emulator',
  );
});

test('platforms are a list without repetition', () => {
  expect(
    targetPlatforms('linux/arm64, linux/amd64,linux/arm64/v8').map(({ architecture }) => architecture),
  ).toEqual(['arm64', 'amd64']);
  expect(targetPlatforms('')).toHaveLength(1);
  expect(() => targetPlatforms(Array.from({ length: 33 }, () => 'linux/amd64').join(','))).toThrow(
    'more than 32 platforms',
  );
});
