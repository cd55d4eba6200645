import { X509Certificate } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../../foundation/base/atomic-file.ts';
import { conflict, invalid, notFound } from '../../../foundation/base/errors.ts';
import { type Issued, issueCertificate, type Purpose } from '../../../foundation/x509/certificate.ts';
import {
  canonicalSerial,
  issueRevocationList,
  readRevocationLists,
  revocationName,
  type Revoked,
  revokedNames,
} from '../../../foundation/x509/revocation-list.ts';
import { revocationFile } from './options.ts';

/*
 * A folder of certificates: an authority, a server's pair, and one folder for each client, which holds what Docker's `DOCKER_CERT_PATH` wants. All of
 * it is for its owner alone. The names are Docker's.
 */

const authorityDays = 3650;
/** Clocks of clients may be behind. */
const skewMs = 3_600_000;
const dayMs = 86_400_000;

const authorityFiles: Pair = { cert: 'ca.pem', key: 'ca-key.pem' };
const serverFiles: Pair = { cert: 'server-cert.pem', key: 'server-key.pem' };
const clientFiles: Pair = { cert: 'cert.pem', key: 'key.pem' };

interface Pair {
  cert: string;
  key: string;
}

export interface Lifetime {
  days: number;
  now: number;
}

/** Makes the authority (unless `keepAuthority`) and the server's pair. Kind `conflict` when something would be replaced without `force`. */
export async function makeServer(
  folder: string,
  {
    hosts,
    keepAuthority,
    force,
    ...life
  }: Lifetime & { hosts: readonly string[]; keepAuthority: boolean; force: boolean },
): Promise<void> {
  if (!keepAuthority) await refuseOverwriting(folder, [authorityFiles, serverFiles], force);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const authority = keepAuthority
    ? await readAuthority(folder)
    : issue(
        { name: `Silo authority of ${hosts[0] ?? 'this host'}`.slice(0, 64), purpose: { kind: 'authority' } },
        { ...life, days: authorityDays },
      );
  const name = (hosts[0] ?? 'localhost').slice(0, 64);
  const server = issue({ name, purpose: { kind: 'server', hosts } }, life, authority);
  if (!keepAuthority) await writePair(folder, authorityFiles, authority);
  await writePair(folder, serverFiles, server);
  // What the old authority revoked is worth nothing any more; before this an engine would refuse the list.
  if (!keepAuthority) await rm(join(folder, revocationFile), { force: true });
}

/** Makes a client's folder; resolves to it. */
export async function makeClient(
  folder: string,
  { name, force, ...life }: Lifetime & { name: string; force: boolean },
): Promise<string> {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.@-]{0,63}$/.test(name))
    throw invalid(`${JSON.stringify(name.slice(0, 80))} cannot be the name of a client`, {
      hint: 'want 1 to 64 letters, digits, dots, dashes, underscores or "@"',
    });
  const authority = await readAuthority(folder);
  const target = join(folder, 'clients', name);
  await refuseOverwriting(target, [clientFiles], force);
  const client = issue({ name, purpose: { kind: 'client' } }, life, authority);
  await mkdir(target, { recursive: true, mode: 0o700 });
  await writePair(target, clientFiles, client);
  await writeFileAtomic(join(target, 'ca.pem'), authority.cert, { mode: 0o600 });
  return target;
}

/** Adds a certificate to the list of the authority: that of a client by its name, or the one of a file. Resolves to it; kind `conflict` when it is there already. */
export async function revokeClient(
  folder: string,
  { client, now }: { client: string; now: number },
): Promise<X509Certificate> {
  const authority = await readAuthority(folder);
  const isPath = client.includes('/') || client.endsWith('.pem');
  const path = isPath ? client : join(folder, 'clients', client, clientFiles.cert);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause;
    throw notFound(`${path} is not there`, {
      hint: '`silo tls show` lists the clients of the folder; a certificate from elsewhere is named by its file',
    });
  });
  const certificate = parse(path, text);
  if (!certificate.checkIssued(new X509Certificate(authority.cert)) || certificate.ca)
    throw invalid(`the authority of ${folder} did not make the certificate in ${path}`, {
      code: 'foreign-certificate',
    });
  const before = await readRevoked(folder, authority.cert);
  const serial = canonicalSerial(certificate.serialNumber);
  if (before.some((each) => each.serial === serial))
    throw conflict(`the certificate in ${path} is revoked already, and nothing was changed`);
  const list = issueRevocationList(
    {
      revoked: [...before, { serial, at: new Date(now) }],
      from: new Date(now),
      to: new X509Certificate(authority.cert).validToDate,
    },
    authority,
  );
  await writeFileAtomic(join(folder, revocationFile), list, { mode: 0o600 });
  return certificate;
}

async function readRevoked(folder: string, authority: string): Promise<Revoked[]> {
  const text = await readFile(join(folder, revocationFile), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return text === undefined ? [] : readRevocationLists(text, authority).flatMap(({ revoked }) => revoked);
}

export interface Listed {
  file: string;
  certificate: X509Certificate;
  isRevoked: boolean;
}

/** Every certificate of the folder. Kind `not-found` when there is none. */
export async function listCertificates(folder: string): Promise<Listed[]> {
  const clients = await readdir(join(folder, 'clients')).catch(() => []);
  const files = [
    authorityFiles.cert,
    serverFiles.cert,
    ...[...clients]
      .sort((one, other) => (one < other ? -1 : 1))
      .map((name) => join('clients', name, clientFiles.cert)),
  ];
  const textOf = (file: string): Promise<string | undefined> =>
    readFile(join(folder, file), 'utf8').catch(() => undefined);
  const [list, authority] = await Promise.all([textOf(revocationFile), textOf(authorityFiles.cert)]);
  const revoked =
    list === undefined || authority === undefined
      ? new Set<string>()
      : revokedNames(readRevocationLists(list, authority));
  const found = await Promise.all(
    files.map(async (file) => {
      const text = await textOf(file);
      if (text === undefined) return [];
      const certificate = parse(join(folder, file), text);
      return [{ file, certificate, isRevoked: revoked.has(revocationName(certificate.raw)) }];
    }),
  );
  if (found.flat().length === 0) throw noAuthority(folder);
  return found.flat();
}

function parse(path: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (cause) {
    throw invalid(`${path} holds no certificate`, { cause });
  }
}

async function readAuthority(folder: string): Promise<Issued> {
  try {
    return {
      cert: await readFile(join(folder, authorityFiles.cert), 'utf8'),
      key: await readFile(join(folder, authorityFiles.key), 'utf8'),
    };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw noAuthority(folder);
    throw cause;
  }
}

const noAuthority = (folder: string): Error =>
  notFound(`${folder} holds no authority`, { hint: `\`silo tls init ${folder}\` makes one` });

function issue(wanted: { name: string; purpose: Purpose }, { days, now }: Lifetime, issuer?: Issued): Issued {
  const to = new Date(now + days * dayMs);
  const issued = issueCertificate({ ...wanted, from: new Date(now - skewMs), to }, issuer);
  if (issuer) refuseOutliving(issuer, to);
  return issued;
}

/** Nobody would believe it once its authority is no longer valid. */
function refuseOutliving({ cert }: Issued, to: Date): void {
  const end = new X509Certificate(cert).validToDate;
  // Certificates tell whole seconds.
  if (Math.floor(to.getTime() / 1000) <= Math.floor(end.getTime() / 1000)) return;
  const date = (each: Date): string => each.toISOString().replace(/\.\d+/, '');
  throw invalid(
    `the certificate would be valid until ${date(to)}, but its authority only is until ${date(end)}`,
    {
      code: 'outlives-authority',
      hint: 'give it fewer --days, or make a new authority with `silo tls init --force`',
    },
  );
}

/** The key goes first: a certificate without its key would be believed to be complete. */
async function writePair(folder: string, files: Pair, { cert, key }: Issued): Promise<void> {
  await writeFileAtomic(join(folder, files.key), key, { mode: 0o600 });
  await writeFileAtomic(join(folder, files.cert), cert, { mode: 0o600 });
}

async function refuseOverwriting(folder: string, pairs: readonly Pair[], force: boolean): Promise<void> {
  if (force) return;
  for (const name of pairs.flatMap(({ cert, key }) => [cert, key])) {
    const path = join(folder, name);
    if (
      await lstat(path).then(
        () => true,
        () => false,
      )
    )
      throw conflict(`${path} is there already, and nothing was changed`, {
        code: 'would-overwrite',
        hint: '--force replaces it; what it signed or proved is then worth nothing',
      });
  }
}
