import type { Brand } from '../base/brand.ts';
import { invalid } from '../base/errors.ts';

/** Name of a repository within one registry: `library/busybox`. OCI distribution spec, "Pulling manifests". */
export type RepositoryName = Brand<'RepositoryName'>;

/** Clients limit host and name together to 255 characters (OCI distribution spec); a name alone is never longer. */
const maximumLength = 255;
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const whole = new RegExp(`^${component}(?:/${component})*$`);

export function parseRepositoryName(text: string): RepositoryName {
  if (text.length > maximumLength || !whole.test(text))
    throw invalid(`invalid repository name "${text.slice(0, 100)}"`, {
      code: 'name-invalid',
      hint: `want at most ${maximumLength} lower-case letters, digits and single separators (. _ __ - /), for example team/app`,
    });
  return text as RepositoryName;
}

export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= maximumLength && whole.test(text);
}
