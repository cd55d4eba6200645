import { resolve } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';

/** What `-v` values become: `/data` alone is an anonymous volume, the rest are binds with an absolute source. */
export function parseVolumes(
  values: readonly string[],
  cwd: string,
): { binds: string[]; anonymous: string[] } {
  const binds: string[] = [];
  const anonymous: string[] = [];
  for (const value of values) {
    const parts = value.split(':');
    if (value === '') throw invalid('invalid empty volume spec');
    if (parts.some((part) => part === ''))
      throw invalid(`invalid spec: ${value}: empty section between colons`, {
        hint: 'write it as source:target[:options], e.g. -v data:/data or -v /srv:/srv:ro',
      });
    if (parts.length > 3) throw invalid(`invalid spec: ${value}: too many colons`);
    const [source = '', ...rest] = parts;
    if (rest.length === 0) anonymous.push(source);
    else binds.push([source.startsWith('.') ? resolve(cwd, source) : source, ...rest].join(':'));
  }
  return { binds, anonymous };
}
