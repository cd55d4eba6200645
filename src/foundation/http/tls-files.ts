import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { invalid, toSiloError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { HttpServer, TlsIdentity } from './http.ts';

/** Where a server's identity lies, in PEM form. */
export interface TlsFiles {
  cert: string;
  key: string;
  clientCa?: string;
  /** Lists of revoked certificates of clients. Only a file that does not exist is absent. */
  revoked?: { path: string; mayBeAbsent: boolean };
}

const soonMs = 30 * 24 * 3600 * 1000;

/** Kind `invalid`, naming the file, when one cannot be read. */
export async function readTlsIdentity({ cert, key, clientCa, revoked }: TlsFiles): Promise<TlsIdentity> {
  const read = (path: string): Promise<string> =>
    readFile(path, 'utf8').catch((cause: unknown) => {
      throw invalid(`cannot read ${path}: ${toSiloError(cause).message}`, { cause });
    });
  const list =
    revoked &&
    (await read(revoked.path).catch((error: unknown) => {
      const { cause } = error as { cause?: { code?: unknown } };
      if (revoked.mayBeAbsent && cause?.code === 'ENOENT') return undefined;
      throw error;
    }));
  return {
    cert: await read(cert),
    key: await read(key),
    ...(clientCa === undefined ? {} : { clientCa: await read(clientCa) }),
    ...(list === undefined ? {} : { revoked: list }),
  };
}

/** Reads the files again and gives them to the server. A pair that does not fit (one file of two was replaced so far) leaves the old one. */
export function createRenewal(
  files: TlsFiles,
  server: Pick<HttpServer, 'renew'>,
  log: Log,
): () => Promise<void> {
  let present = '';
  return async () => {
    try {
      const identity = await readTlsIdentity(files);
      const text = JSON.stringify(identity);
      if (text === present) return;
      server.renew(identity);
      present = text;
      log.info('the certificate was read', { file: files.cert });
    } catch (error) {
      log.error('the certificate is not used', { reason: toSiloError(error).message });
    }
  };
}

/** What is wrong with the dates of a certificate, or soon will be. */
export function troubleOfDates(pem: string, now: number): string | undefined {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  const day = (date: Date): string => date.toISOString().slice(0, 10);
  if (validToDate.getTime() <= now) return `it expired on ${day(validToDate)}`;
  if (validFromDate.getTime() > now) return `it is valid from ${day(validFromDate)} only`;
  if (validToDate.getTime() - now < soonMs) return `it expires on ${day(validToDate)}`;
  return undefined;
}
