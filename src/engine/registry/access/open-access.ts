import { join } from 'node:path';
import { createFreshFile } from '../../../foundation/base/fresh-file.ts';
import type { Log } from '../../../foundation/base/log.ts';
import type { RegistrySettings } from '../settings.ts';
import { type Gate, createGate } from './gate.ts';
import { parseHtpasswd } from './htpasswd.ts';
import { createPasswords } from './passwords.ts';
import { type AccessRules, defaultRules, parseAccessRules } from './rules.ts';
import { openSigningKey, parseTrustedKeys, toTrusted } from './token-keys.ts';
import { type TokenIssuer, type TokenSource, createTokenIssuer, createTokenReader } from './tokens.ts';

/** Who may use a registry server, put together from its settings. */
export interface RegistryAccessControl {
  gate: Gate;
  rules: () => Promise<AccessRules>;
  /** How clients are told to log in; the realm of our own token server is where the client found us. */
  challenge: { kind: 'basic' } | { kind: 'bearer'; service: string; realm: string | undefined };
  /** When this server makes tokens itself. */
  issuer?: { tokens: TokenIssuer; sealOf: (user: string) => Promise<string | undefined> };
  /** Whether passwords are asked for on the web page. */
  hasUsers: boolean;
}

const ownIssuer = 'silo-registry';

/** Undefined when nothing is restricted. All files are read once, so that a mistake in them shows at the start. */
export async function openAccess(
  settings: Pick<
    RegistrySettings,
    | 'htpasswd'
    | 'accessFile'
    | 'anonymousRead'
    | 'auth'
    | 'tokenKey'
    | 'tokenService'
    | 'tokenServer'
    | 'root'
  >,
  log: Log,
): Promise<RegistryAccessControl | undefined> {
  const { htpasswd, accessFile, anonymousRead, tokenServer, tokenService: service } = settings;
  if (htpasswd === undefined && tokenServer === undefined) return undefined;
  const onBroken = (message: string): void => log.error(message);
  const accounts =
    htpasswd === undefined ? undefined : createFreshFile({ path: htpasswd, parse: parseHtpasswd, onBroken });
  const ruleFile =
    accessFile === undefined
      ? undefined
      : createFreshFile({ path: accessFile, parse: parseAccessRules, onBroken });
  const trust =
    tokenServer && createFreshFile({ path: tokenServer.trust, parse: parseTrustedKeys, onBroken });
  const open = defaultRules({ anonymousRead });
  const rules = async (): Promise<AccessRules> =>
    ruleFile === undefined ? open : withOpenRead(await ruleFile.get(), anonymousRead);
  await Promise.all([accounts?.get(), rules(), trust?.get()]);
  const makesTokens = settings.auth === 'token' && tokenServer === undefined;
  const key = makesTokens
    ? await openSigningKey(settings.tokenKey ?? join(settings.root, 'token-key.pem'))
    : undefined;
  const own: TokenSource[] = key ? [{ issuer: ownIssuer, service, keys: [toTrusted(key.publicKey)] }] : [];
  const sealOf = accounts && (async (user: string) => (await accounts.get()).get(user));
  const tokens = createTokenReader({
    sealOf,
    sources: async () => [
      ...own.map((source) => ({ ...source, kind: 'own' as const })),
      ...(tokenServer && trust
        ? [{ issuer: tokenServer.issuer, service, keys: await trust.get(), kind: 'foreign' as const }]
        : []),
    ],
  });
  const gate = createGate({
    rules,
    passwords: accounts && createPasswords({ accounts: () => accounts.get() }),
    ...(settings.auth === 'token' ? { tokens } : {}),
  });
  return {
    gate,
    rules,
    hasUsers: accounts !== undefined,
    challenge:
      settings.auth === 'basic' ? { kind: 'basic' } : { kind: 'bearer', service, realm: tokenServer?.realm },
    ...(key && sealOf
      ? { issuer: { tokens: createTokenIssuer({ key, issuer: ownIssuer, service }), sealOf } }
      : {}),
  };
}

function withOpenRead(rules: AccessRules, anonymousRead: boolean): AccessRules {
  if (!anonymousRead) return rules;
  return {
    openToAnonymous: true,
    allows: (user, repository, action) => action === 'pull' || rules.allows(user, repository, action),
  };
}
