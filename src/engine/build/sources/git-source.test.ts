import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCommit } from './git-source.ts';

const directory = mkdtempSync(join(tmpdir(), 'silo-git-source-'));
afterAll(() => rmSync(directory, { recursive: true }));

const commit = '1'.repeat(40);
/** A whole commit is known without a server. */
const identityOf = async (address: string, keepGitDir: boolean): Promise<string> => {
  const ssh = () => Promise.reject(new TypeError('no SSH here'));
  return (await findCommit({ address, keepGitDir, ssh, signal: undefined }, directory)).identity;
};

test('with its .git a checkout is of one address, without its password; files alone are the same everywhere', async () => {
  const [one, other] = ['a', 'b'].map((host) => `https://ann:sesame@${host}.example/x.git#${commit}`);
  const kept = await identityOf(one ?? '', true);
  expect(kept).toContain('https://a.example/x.git');
  expect(kept).not.toContain('sesame');
  expect(await identityOf(other ?? '', true)).not.toBe(kept);
  expect(await identityOf(one ?? '', false)).toBe(await identityOf(other ?? '', false));
});
