import { expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountInfo } from '../../../foundation/kernel/mount-info.ts';
import { mountOverlay, unmount } from '../../../foundation/kernel/mount.ts';
import { examine } from './doctor.ts';
import { checkOverlay } from './overlay.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: the probes of the doctor need root');

test.skipIf(!isRoot)('a machine that runs these tests has no problem, and is left as it was', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-doctor-test-'));
  try {
    const findings = await examine({
      dataRoot: join(folder, 'not/yet/there'),
      execRoot: join(folder, 'run'),
      bridge: 'silo0',
    });
    expect(findings.filter(({ status }) => status === 'problem')).toEqual([]);
    expect(findings.filter(({ title }) => title.includes('could not be checked'))).toEqual([]);
    expect(findings.every(({ title, why }) => title !== '' && why !== '')).toBe(true);
    const areas = new Set(findings.map(({ area }) => area));
    for (const area of ['kernel', 'overlayfs', 'cgroups', 'programs', 'nftables', 'disk'])
      expect(areas).toContain(area);
    expect(readdirSync(folder)).toEqual([]);
    expect(mountInfo().filter(({ target }) => target.startsWith(folder))).toEqual([]);
    expect(readFileSync('/proc/net/dev', 'utf8')).not.toContain('siloprobe');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.skipIf(!isRoot)('a data root on which overlayfs cannot stand is a problem that says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-doctor-test-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(at(name));
  mountOverlay({ lower: [at('lower')], upper: at('upper'), work: at('work'), target: at('merged') });
  try {
    const findings = await checkOverlay({ dataRoot: at('merged/data') });
    expect(findings.map(({ status }) => status)).toEqual(['problem']);
    expect(findings[0]?.fix?.[0]).toContain('--data-root');
    expect(readdirSync(at('merged'))).toEqual([]);
  } finally {
    unmount(at('merged'));
    rmSync(folder, { recursive: true });
  }
});

test.skipIf(!isRoot)('a data root that cannot be written is a problem', async () => {
  const [finding] = await checkOverlay({ dataRoot: '/proc/silo' });
  expect(finding?.status).toBe('problem');
});

test('a check that fails is a warning, and the others are still done', async () => {
  const findings = await examine(
    { dataRoot: '/', execRoot: '/', bridge: 'silo0' },
    {
      checks: [
        { area: 'broken', run: () => Promise.reject(new Error('no such luck')) },
        { area: 'fine', run: () => [{ status: 'ok', title: 'fine', why: 'it is' }] },
      ],
    },
  );
  expect(findings.map(({ area, status, why }) => [area, status, why])).toEqual([
    ['broken', 'warning', 'no such luck'],
    ['fine', 'ok', 'it is'],
  ]);
});
