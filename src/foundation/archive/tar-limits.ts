import { corrupt, type SiloError } from '../base/errors.ts';

/** What one archive may cost at most. Everything in it is hostile: no number from it is believed above these. */
export interface TarLimits {
  /** Headers of any kind, and folders made because an entry's parent was missing. */
  maxEntries: number;
  /** Bytes of the uncompressed archive. */
  maxTarBytes: number;
  /** Apparent size of one file (a sparse file's size is a claim, not bytes). */
  maxFileBytes: number;
  /** Bytes of one path or link target; PATH_MAX without its NUL. */
  maxPathBytes: number;
  /** Bytes of one PAX or GNU long-name extension. */
  maxExtensionBytes: number;
  /** Data regions of one sparse file. */
  maxSparseRegions: number;
}

export const defaultTarLimits: TarLimits = {
  maxEntries: 5_000_000,
  maxTarBytes: 512 * 2 ** 30,
  maxFileBytes: 8 * 2 ** 40,
  maxPathBytes: 4095,
  maxExtensionBytes: 1 << 20,
  maxSparseRegions: 1 << 18,
};

/** An archive that contradicts itself or the format. `offset` is that of the block in the uncompressed archive. */
export function corruptEntry(name: string, offset: number, what: string): SiloError {
  const entry = name === '' ? 'archive' : `archive entry ${JSON.stringify(displayName(name))}`;
  return corrupt(`${entry} at offset ${offset}: ${what}`, {
    code: 'archive-corrupt',
    hint: 'fetch or build the image again; if it stays, whoever made the archive must mend it',
  });
}

/** An archive that wants more than the limits allow. */
export function archiveTooBig(name: string, offset: number, what: string): SiloError {
  const entry = name === '' ? 'archive' : `archive entry ${JSON.stringify(displayName(name))}`;
  return corrupt(`${entry} at offset ${offset}: ${what}`, {
    code: 'archive-limit',
    hint: 'this looks like a decompression bomb; raise the limit only for an image that you trust',
  });
}

/** Names are kept one character a byte; people see them as UTF-8, shortened. */
export function displayName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
