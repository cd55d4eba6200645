import { readFile, stat } from 'node:fs/promises';
import { invalid, toSiloError } from '../../../foundation/base/errors.ts';
import type { SyslogTlsFiles } from '../syslog-options.ts';

const largestBytes = 1 << 20;

/** Kind `invalid`, naming the file, when one cannot be used. */
export async function readTlsFiles({
  ca,
  cert,
  key,
}: Pick<SyslogTlsFiles, 'ca' | 'cert' | 'key'>): Promise<{ ca?: string; cert?: string; key?: string }> {
  return {
    ...(ca === undefined ? {} : { ca: await read(ca) }),
    ...(cert === undefined ? {} : { cert: await read(cert) }),
    ...(key === undefined ? {} : { key: await read(key) }),
  };
}

async function read(path: string): Promise<string> {
  try {
    const { size, mode } = await stat(path);
    if ((mode & 0o170000) !== 0o100000) throw new Error('it is not a file');
    if (size > largestBytes) throw new Error('it is too large');
    const text = await readFile(path, 'utf8');
    // An authority without one would mean those that the system trusts.
    if (!text.includes('-----BEGIN ')) throw new Error('it is not in PEM form');
    return text;
  } catch (cause) {
    throw invalid(`the log driver cannot use ${path}: ${toSiloError(cause).message}`, {
      code: 'bad-log-certificate',
      cause,
    });
  }
}
