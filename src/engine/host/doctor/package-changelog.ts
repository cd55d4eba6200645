import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const decompress = promisify(gunzip);
const largest = 16 * 1024 * 1024;

/**
 * CVEs that the distribution's package says it has mended, from its changelog (Debian Policy 12.7). Undefined when there is none to read, as
 * on machines that were installed without documentation.
 */
export async function mendedByPackage(name: string): Promise<Set<string> | undefined> {
  try {
    const packed = await readFile(`/usr/share/doc/${name}/changelog.Debian.gz`);
    const text = (await decompress(packed, { maxOutputLength: largest })).toString();
    return new Set(text.match(/CVE-\d{4}-\d+/g) ?? []);
  } catch {
    return undefined;
  }
}
