import { fieldsOf } from './databases.ts';
import { type FoundPackage, purlPart, short } from './package.ts';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function npmPackage(name: unknown, version: unknown, license: unknown, path: string): FoundPackage[] {
  if (typeof name !== 'string' || typeof version !== 'string' || name === '' || version === '') return [];
  const purl = `pkg:npm/${short(name).split('/').map(purlPart).join('/')}@${purlPart(short(version))}`;
  return [
    {
      name: short(name),
      version: short(version),
      purl,
      path,
      ...(typeof license === 'string' && license !== '' ? { license: short(license) } : {}),
    },
  ];
}

/** `package.json` of an installed package. */
export function readNpmPackage(text: string, path: string): FoundPackage[] {
  const { name, version, license } = parse(text);
  return npmPackage(name, version, license, path);
}

/** `package-lock.json` of version 2 and 3 (`packages`) and 1 (`dependencies`, nested). */
export function readNpmLock(text: string, path: string): FoundPackage[] {
  const lock = parse(text);
  const { packages, dependencies } = lock;
  if (isRecord(packages))
    return Object.entries(packages).flatMap(([place, each]) => {
      if (place === '' || !isRecord(each) || each['link'] === true) return [];
      const name = each['name'] ?? place.split('node_modules/').at(-1);
      return npmPackage(name, each['version'], each['license'], path);
    });
  const found: FoundPackage[] = [];
  const waiting = [dependencies];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!isRecord(next) || found.length > 100_000) continue;
    for (const [name, each] of Object.entries(next)) {
      if (!isRecord(each)) continue;
      found.push(...npmPackage(name, each['version'], undefined, path));
      if (each['dependencies'] !== undefined) waiting.push(each['dependencies']);
    }
  }
  return found;
}

/** `METADATA` of a dist-info folder: headers as of mail (packaging.python.org, "Core metadata"). */
export function readPython(text: string, path: string): FoundPackage[] {
  const end = text.indexOf('\n\n');
  const field = fieldsOf(end < 0 ? text : text.slice(0, end), ': ');
  const name = field.get('Name');
  const version = field.get('Version');
  if (!name || !version) return [];
  const license = field.get('License-Expression') ?? field.get('License');
  return [
    {
      name: short(name),
      version: short(version),
      purl: `pkg:pypi/${purlPart(
        short(name)
          .toLowerCase()
          .replace(/[-_.]+/g, '-'),
      )}@${purlPart(short(version))}`,
      path,
      ...(license ? { license: short(license) } : {}),
    },
  ];
}
