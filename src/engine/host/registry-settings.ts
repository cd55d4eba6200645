import {
  createProxyFor,
  type ProxyFor,
  proxyTexts,
  type ProxyTexts,
} from '../../resources/distribution/proxy.ts';
import { isLoopbackHost } from '../../resources/distribution/trust.ts';
import { toSiloError } from '../../foundation/base/errors.ts';
import type { HostFacts } from './engine.ts';
import { type EngineSettings, registrySettings } from './settings.ts';

/** What `info` tells of registries. */
export function registryFacts(
  settings: EngineSettings,
): Pick<HostFacts, 'insecureRegistries' | 'registryMirrors' | 'proxies'> {
  const registries = Object.entries(registrySettings(settings));
  const insecure = registries.filter(([, { insecure: isInsecure }]) => isInsecure).map(([host]) => host);
  const { texts } = registryProxies(settings);
  return {
    insecureRegistries: [...new Set([...settings.insecureRegistries, ...insecure])],
    registryMirrors: Object.fromEntries(
      registries
        .filter(([, { mirrors }]) => mirrors.length > 0)
        .map(([host, { mirrors }]) => [host, mirrors.map(({ url }) => url)]),
    ),
    proxies: {
      http: withoutPassword(texts['http-proxy']),
      https: withoutPassword(texts['https-proxy']),
      exceptions: texts['no-proxy'] ?? '',
    },
  };
}

/** Of the configuration, else of the environment. What is wrong in the environment is told to whoever needs the proxy, as it may be meant for others. */
export function registryProxies({ proxies }: Pick<EngineSettings, 'proxies'>): {
  texts: ProxyTexts;
  choose: ProxyFor;
} {
  const texts = { ...proxyTexts(process.env), ...proxies };
  try {
    return { texts, choose: createProxyFor(texts) };
  } catch (error) {
    const failure = toSiloError(error);
    return {
      texts,
      choose: (url) => {
        if (isLoopbackHost(url.host)) return undefined;
        throw failure;
      },
    };
  }
}

/** As Docker shows it. */
function withoutPassword(address = ''): string {
  return address.replace(/^([a-z]+:\/\/)?[^/@]*@/i, '$1xxxxx:xxxxx@');
}
