import { type FoundPackage, purlPart, short } from './package.ts';

/** Which distribution an image is of: os-release(5). */
export interface Distribution {
  id: string;
  version: string;
}

export function readDistribution(text: string): Distribution {
  const fields = new Map<string, string>();
  for (const line of text.split('\n').slice(0, 200)) {
    const [, key, value] = /^([A-Z_]{1,40})=["']?([^"']*)["']?$/.exec(line.trim()) ?? [];
    if (key !== undefined && value !== undefined) fields.set(key, short(value));
  }
  return { id: fields.get('ID') ?? '', version: fields.get('VERSION_ID') ?? '' };
}

const distroOf = ({ id, version }: Distribution): string =>
  id === '' ? '' : `&distro=${purlPart(version === '' ? id : `${id}-${version}`)}`;

/** dpkg's status: paragraphs of `Field: value` (deb-control(5)); only what is installed counts. */
export function* readDpkg(text: string, path: string, distribution: Distribution): Generator<FoundPackage> {
  for (const paragraph of paragraphs(text)) {
    const field = fieldsOf(paragraph, ': ');
    const name = field.get('Package');
    const version = field.get('Version');
    const status = field.get('Status');
    if (!name || !version || (status !== undefined && !status.endsWith(' installed'))) continue;
    const architecture = field.get('Architecture') ?? 'all';
    yield {
      name: short(name),
      version: short(version),
      purl: `pkg:deb/${purlPart(distribution.id || 'debian')}/${purlPart(short(name))}@${purlPart(short(version))}?arch=${purlPart(short(architecture))}${distroOf(distribution)}`,
      path,
      ...(field.has('Maintainer') ? { supplier: short(field.get('Maintainer') ?? '') } : {}),
    };
  }
}

/** apk's list of what is installed: paragraphs of `K:value`. */
export function* readApk(text: string, path: string, distribution: Distribution): Generator<FoundPackage> {
  for (const paragraph of paragraphs(text)) {
    const field = fieldsOf(paragraph, ':');
    const name = field.get('P');
    const version = field.get('V');
    if (!name || !version) continue;
    yield {
      name: short(name),
      version: short(version),
      purl: `pkg:apk/${purlPart(distribution.id || 'alpine')}/${purlPart(short(name))}@${purlPart(short(version))}?arch=${purlPart(short(field.get('A') ?? 'noarch'))}${distroOf(distribution)}`,
      path,
      ...(field.get('L') ? { license: short(field.get('L') ?? '') } : {}),
      ...(field.get('m') ? { supplier: short(field.get('m') ?? '') } : {}),
    };
  }
}

function* paragraphs(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n\n', at);
    yield text.slice(at, end < 0 ? text.length : end);
    if (end < 0) return;
    at = end + 2;
  }
}

/** The first of each name; what continues a field on the next line is no matter here. */
export function fieldsOf(paragraph: string, separator: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of paragraph.split('\n')) {
    if (line.startsWith(' ') || line.startsWith('\t')) continue;
    const at = line.indexOf(separator);
    if (at > 0 && at < 60 && !fields.has(line.slice(0, at)))
      fields.set(line.slice(0, at), line.slice(at + separator.length).trim());
  }
  return fields;
}
