import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { invalid } from '../../foundation/base/errors.ts';

/** What is presented to one host, and whom it may be vouched for by besides the authorities that the machine trusts. */
export interface HostCertificates {
  /** Tells one content from another. */
  id: string;
  ca?: string[];
  /** Of the client. */
  cert?: string;
  key?: string;
}

/** For the host of an address as URLs write it; undefined when nothing is configured for it. */
export type CertificatesFor = (host: string) => Promise<HostCertificates | undefined>;

const fileLimitBytes = 1024 * 1024;
const filesLimit = 100;

/**
 * Docker's layout: `DIRECTORY/HOST[:PORT]/` with authorities in `*.crt`, client certificates in `*.cert`, and the key beside each in `*.key`. Read at
 * each use, so that a change needs no restart. The first directory that has a folder for the host counts. What stands there is for connections to
 * this very host: neither certificate nor trust follows a redirect.
 */
export function readCertificates(directories: readonly string[]): CertificatesFor {
  return async (host) => {
    if (!/^(\[[0-9a-f:.]+\]|[a-z0-9][a-z0-9.-]*)(:\d{1,5})?$/i.test(host)) return undefined;
    const names = /:\d+$/.test(host) ? [host] : [host, `${host}:443`];
    for (const directory of directories)
      for (const name of names) {
        const folder = join(directory, name);
        const files = await readdir(folder).catch(() => undefined);
        if (files) return readFolder(folder, files.toSorted().slice(0, filesLimit));
      }
    return undefined;
  };
}

async function readFolder(folder: string, files: readonly string[]): Promise<HostCertificates | undefined> {
  const read = (file: string): Promise<string> => readPem(join(folder, file));
  const authorities = await Promise.all(files.filter((file) => file.endsWith('.crt')).map(read));
  const partner = (file: string, from: string, to: string): string => file.slice(0, -from.length) + to;
  const lonely = files.find(
    (file) => file.endsWith('.key') && !files.includes(partner(file, '.key', '.cert')),
  );
  if (lonely !== undefined)
    throw badFolder(
      `missing client certificate ${partner(lonely, '.key', '.cert')} for key ${lonely}`,
      folder,
    );
  const certificate = files.find((file) => file.endsWith('.cert'));
  if (authorities.length === 0 && certificate === undefined) return undefined;
  const material: Omit<HostCertificates, 'id'> = {};
  if (authorities.length > 0) material.ca = [...tls.getCACertificates('default'), ...authorities];
  if (certificate !== undefined) {
    const key = partner(certificate, '.cert', '.key');
    if (!files.includes(key))
      throw badFolder(
        `missing key ${key} for client certificate ${certificate}. CA certificates must use the extension .crt`,
        folder,
      );
    material.cert = await read(certificate);
    material.key = await read(key);
    check(folder, material);
  } else check(folder, { ca: authorities });
  const id = createHash('sha256')
    .update(JSON.stringify([authorities, material.cert, material.key]))
    .digest('hex');
  return { id, ...material };
}

async function readPem(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw badFolder(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (text.length > fileLimitBytes || !text.includes('-----BEGIN '))
    throw badFolder(`${path} holds no certificate or key in PEM form`);
  return text;
}

/** Here rather than at the connection, where the error names no file. */
function check(folder: string, material: { ca?: string[]; cert?: string; key?: string }): void {
  try {
    tls.createSecureContext(material);
  } catch (error) {
    throw badFolder(error instanceof Error ? error.message : String(error), folder);
  }
}

function badFolder(message: string, folder?: string): Error {
  return invalid(folder === undefined ? message : `certificates in ${folder}: ${message}`, {
    code: 'bad-certificates',
    hint: 'want authorities in *.crt, and the certificate of this machine in NAME.cert with its key in NAME.key, all in PEM form',
  });
}
