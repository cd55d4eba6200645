/** One package that an image holds. */
export interface FoundPackage {
  name: string;
  version: string;
  /** Package URL (github.com/package-url/purl-spec). */
  purl: string;
  /** The file that tells of it. */
  path: string;
  license?: string;
  supplier?: string;
}

/** A part of a package URL. */
export const purlPart = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':');

// oxlint-disable-next-line no-control-regex -- control characters are what is taken out
const control = /[\u0000-\u001f\u007f]+/g;

/** Values of strangers: one line, of a length that documents can bear. */
export const short = (text: string): string => text.replace(control, ' ').trim().slice(0, 500);
