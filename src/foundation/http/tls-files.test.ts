import { expect, test } from 'bun:test';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTlsIdentity } from './tls-files.ts';

const failure = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', String);

test('a list of revoked certificates that may be absent must not exist: one that cannot be read is an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'silo-tls-files-'));
  try {
    const [cert, path] = [join(folder, 'cert.pem'), join(folder, 'crl.pem')];
    await writeFile(cert, 'cert');
    const files = { cert, key: cert, revoked: { path, mayBeAbsent: true } };
    expect(await readTlsIdentity(files)).toEqual({ cert: 'cert', key: 'cert' });
    await symlink(path, path);
    expect(await failure(readTlsIdentity(files))).toContain(`cannot read ${path}`);
    await rm(path);
    const wanted = readTlsIdentity({ ...files, revoked: { path, mayBeAbsent: false } });
    expect(await failure(wanted)).toContain(`cannot read ${path}`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
