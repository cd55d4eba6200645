import type { RegistryAccess, RegistryCredentials } from '../../../resources/distribution/distribution.ts';
import type { Context } from '../context.ts';

interface Asked {
  credentials?: RegistryCredentials | undefined;
  /** May be spoken to over plain HTTP whatever the settings say: the request wants it so. */
  insecureHost?: string | undefined;
}

/** As the engine's settings and one request have it. */
export function registryAccess(
  { settings: { insecureRegistries } }: Context,
  { credentials, insecureHost }: Asked = {},
): RegistryAccess {
  return {
    insecure: insecureHost === undefined ? insecureRegistries : [...insecureRegistries, insecureHost],
    ...(credentials ? { credentials } : {}),
  };
}
