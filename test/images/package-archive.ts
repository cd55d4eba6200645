import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface TinyPackage {
  name: string;
  depends?: string;
  /** By path; a text that begins with `->` is a link. */
  files?: Record<string, string>;
  /** Shell that runs when the package is configured, which a set never does. */
  script?: string;
}

export interface PackageArchive extends AsyncDisposable {
  /** A line of a sources.list. */
  source: string;
  address: string;
}

/** A package archive of our own behind a loopback server: a folder of .deb files, their list, and a release file with a date. */
export async function startPackageArchive(
  packages: readonly TinyPackage[],
  architecture: string,
): Promise<PackageArchive> {
  const root = mkdtempSync(join(tmpdir(), 'silo-archive-'));
  const list = packages.map((tiny) => build(root, tiny, architecture)).join('\n');
  const release = [
    'Origin: Silo',
    'Suite: own',
    'Codename: own',
    'Date: Sat, 01 Feb 2025 10:00:00 UTC',
    `Architectures: ${architecture}`,
    'SHA256:',
    ` ${hash(Buffer.from(list))} ${Buffer.byteLength(list)} Packages`,
    '',
  ].join('\n');
  const generated: Record<string, string> = { '/./Packages': list, '/./Release': release };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    const text = generated[path] ?? generated[path.replace(/^\//, '/./')];
    const deb = /^\/(?:\.\/)?([a-z0-9_.-]+\.deb)$/.exec(path)?.[1];
    if (text !== undefined) response.end(text);
    else if (deb !== undefined) response.end(readFileSync(join(root, deb)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    source: `deb [trusted=yes] ${address} ./`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function build(root: string, tiny: TinyPackage, architecture: string): string {
  const { name, depends, files = {}, script } = tiny;
  const tree = join(root, name);
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    if (text.startsWith('->')) symlinkSync(text.slice(2), join(tree, path));
    else writeFileSync(join(tree, path), text);
  }
  const control = [
    `Package: ${name}`,
    'Version: 1.0',
    `Architecture: ${architecture}`,
    'Maintainer: nobody <nobody@localhost>',
    ...(depends === undefined ? [] : [`Depends: ${depends}`]),
    'Description: made in a test',
  ].join('\n');
  writeFileSync(join(tree, 'DEBIAN/control'), `${control}\n`);
  writeFileSync(join(tree, 'DEBIAN/md5sums'), `${'0'.repeat(32)}  usr/share/${name}\n`);
  if (script !== undefined) {
    writeFileSync(join(tree, 'DEBIAN/postinst'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(tree, 'DEBIAN/postinst'), 0o755);
  }
  const file = `${name}_1.0_${architecture}.deb`;
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, join(root, file)], {
    stdio: 'pipe',
  });
  const bytes = readFileSync(join(root, file));
  return `${control}\nFilename: ./${file}\nSize: ${statSync(join(root, file)).size}\nSHA256: ${hash(bytes)}\n`;
}

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
