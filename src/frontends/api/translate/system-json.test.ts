import { expect, test } from 'bun:test';
import { sampleHost } from '../testing/sample-records.ts';
import { toInfoJson } from './system-json.ts';

const counts = {
  running: 0,
  paused: 0,
  stopped: 0,
  images: 0,
  descriptors: 3,
  threads: 2,
  eventListeners: 1,
  nowMs: 0,
};
const build = { version: '0.1.0', gitCommit: '', buildTime: '' };

test('what the engine holds is told', () => {
  const { NFd, NGoroutines, NEventsListener } = toInfoJson(sampleHost, counts, { build, minor: 51 });
  expect([NFd, NGoroutines, NEventsListener]).toEqual([3, 2, 1]);
});

test('security options are names alone up to API 1.24', () => {
  const at = (minor: number): string[] => toInfoJson(sampleHost, counts, { build, minor }).SecurityOptions;
  expect(at(24)).toEqual(['seccomp', 'cgroupns']);
  expect(at(25)).toEqual(['name=seccomp,profile=builtin', 'name=cgroupns']);
});
