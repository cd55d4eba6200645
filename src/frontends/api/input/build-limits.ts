import type { BuildRequest, StepLimits } from '../../../engine/build/solve/types.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { checkExtraHost } from '../translate/extra-host.ts';
import { defined } from '../translate/refuse.ts';
import type { HostLimits } from '../translate/resource-limits.ts';
import { toResources } from '../translate/resources.ts';
import { integer, listOf, objectOf, text } from './decode.ts';
import { queryInteger, queryText } from './query.ts';

const ulimits = listOf(
  objectOf<{ Name: string; Soft: number; Hard: number }>(
    { Name: text, Soft: integer, Hard: integer },
    { Name: '', Soft: 0, Hard: 0 },
  ),
);
const texts = listOf(text);

/** What the containers of RUN may use, with Docker's checks and words. Ours: `allow`, a list, and `steptimeout`, in milliseconds. */
export function readBuildLimits(
  query: URLSearchParams,
  host: HostLimits,
): Pick<BuildRequest, 'limits' | 'allow' | 'stepTimeoutMs'> {
  if (query.getAll('securityopt').some((value) => value !== '' && value !== '[]' && value !== 'null'))
    throw invalid('security options are not supported on linux', { code: 'build-security-options' });
  const isolation = queryText(query, 'isolation') ?? 'default';
  if (isolation !== 'default')
    throw invalid(`unsupported isolation: ${JSON.stringify(isolation.slice(0, 60))}`, {
      code: 'build-isolation',
    });
  const number = (name: string): number | undefined => queryInteger(query, name);
  const resources = toResources(
    defined({
      Memory: number('memory'),
      MemorySwap: number('memswap'),
      CpuShares: number('cpushares'),
      CpuPeriod: number('cpuperiod'),
      CpuQuota: number('cpuquota'),
      CpusetCpus: queryText(query, 'cpusetcpus'),
      CpusetMems: queryText(query, 'cpusetmems'),
      Ulimits: ulimits(readJson(query, 'ulimits'), 'ulimits'),
    }),
    host,
  );
  return defined<Pick<BuildRequest, 'limits' | 'allow' | 'stepTimeoutMs'>>({
    limits: defined<StepLimits>({
      resources,
      shmSizeBytes: positive('shmsize', number('shmsize')),
      cgroupParent: queryText(query, 'cgroupparent'),
      extraHosts: extraHosts(query).map(checkExtraHost),
    }),
    allow: texts(readJson(query, 'allow'), 'allow').map(checkAllowed),
    stepTimeoutMs: positive('steptimeout', number('steptimeout')),
  });
}

function checkAllowed(word: string): string {
  if (['network.host', 'security.insecure', 'device'].includes(word) || /^device=./.test(word)) return word;
  throw invalid(`invalid entitlement: ${word.slice(0, 100)}`, {
    code: 'bad-entitlement',
    hint: 'known are network.host, security.insecure, device, device=NAME',
  });
}

function positive(name: string, value: number | undefined): number | undefined {
  if (value !== undefined && value < 0)
    throw invalid(`the build parameter ${name} must not be negative`, { code: 'bad-build-parameter' });
  return value || undefined;
}

/** Once for each, as Docker's client sends them, or as one list. */
const extraHosts = (query: URLSearchParams): string[] =>
  query
    .getAll('extrahosts')
    .flatMap((value) =>
      value.startsWith('[')
        ? texts(parseJson(value, 'extrahosts'), 'extrahosts')
        : value === '' || value === 'null'
          ? []
          : [value],
    );

function readJson(query: URLSearchParams, name: string): unknown {
  const value = queryText(query, name);
  return value === undefined ? [] : (parseJson(value, name) ?? []);
}

function parseJson(value: string, name: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw invalid(`the build parameter ${name} must be JSON`, { code: 'bad-build-parameter' });
  }
}
