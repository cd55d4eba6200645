import { invalid } from '../../../foundation/base/errors.ts';
import { type Reference, parseReference } from '../../../foundation/oci/reference.ts';
import { type RepositoryName, isRepositoryName } from '../../../foundation/oci/repository-name.ts';

/** Which part of this registry is a cache of which other one. */
export interface Upstream {
  /** Repositories below it; empty for all. */
  prefix: string;
  host: string;
  /** Stands before the rest of the name there; may be empty. */
  path: string;
}

/** Reads `PREFIX=HOST[/PATH]`, or `HOST[/PATH]` for everything. */
export function parseUpstream(text: string): Upstream {
  const [first = '', second, ...rest] = text.split('=');
  const [prefix, target] = second === undefined ? ['', first] : [first, second];
  const [host = '', ...parts] = target.split('/');
  const path = parts.join('/');
  const fail = (why: string) =>
    invalid(`"${text.slice(0, 200)}" names no upstream registry: ${why}`, {
      hint: 'want [PREFIX=]HOST[:PORT][/PATH], for example hub=docker.io',
    });
  if (rest.length > 0) throw fail('it has several "="');
  if (prefix !== '' && !isRepositoryName(prefix)) throw fail('the prefix is no part of a repository name');
  if (path !== '' && !isRepositoryName(path)) throw fail('the path is no part of a repository name');
  try {
    if (parseReference(`${host}/x/y`).host !== host) throw fail('the host is none');
  } catch {
    throw fail('the host is none; one without a dot needs a port');
  }
  return { prefix, host, path };
}

/** The upstream for a repository, the longest prefix first. */
export function findUpstream(
  upstreams: readonly Upstream[],
  repository: RepositoryName,
): Upstream | undefined {
  return upstreams
    .filter(({ prefix }) => prefix === '' || repository.startsWith(`${prefix}/`))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
}

/** The repository's name there. One-word names of Docker's own registry stand below `library/`. */
export function referenceThere({ prefix, host, path }: Upstream, repository: RepositoryName): Reference {
  const rest = prefix === '' ? repository : repository.slice(prefix.length + 1);
  const name = path === '' ? rest : `${path}/${rest}`;
  return { host, path: host === 'docker.io' && !name.includes('/') ? `library/${name}` : name };
}
