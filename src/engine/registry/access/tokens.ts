import { createHash, randomUUID } from 'node:crypto';
import { type JWTPayload, SignJWT, decodeJwt, errors, jwtVerify } from 'jose';
import { unauthorized } from '../../../foundation/base/errors.ts';
import { isUserName } from './htpasswd.ts';
import { type Grant, isRepositoryName, readActions } from './scopes.ts';
import type { SigningKey, TrustedKey } from './token-keys.ts';

/** What a token proves. */
export interface TokenClaims {
  /** Empty for somebody who did not log in. */
  subject: string;
  grants: Grant[];
  /** Signed by this server itself, whose rules for the subject are known, or by a foreign one, whose word it is. */
  issuer: 'own' | 'foreign';
}

export interface IssuedToken {
  token: string;
  lifeSeconds: number;
  issuedAt: Date;
}

/** A server's own tokens: distribution's docs/spec/auth/jwt.md. */
export interface TokenIssuer {
  /** Void once `seal` (of the subject's account) is another, where readers look. */
  issue(subject: string, grants: readonly Grant[], seal?: string): Promise<IssuedToken>;
  /** For a user who wants to come back without a password; void once `seal` (of the account) is another. */
  issueRefresh(subject: string, seal: string): Promise<string>;
  /** The user of a refresh token. Kind `unauthorized` when it is none of ours, has expired or its seal is broken. */
  readRefresh(token: string, sealOf: (subject: string) => Promise<string | undefined>): Promise<string>;
}

/** Reads tokens. Kind `unauthorized` (code `invalid-token`) for all that is not whole, signed, meant for us and of now. */
export interface TokenReader {
  read(token: string): Promise<TokenClaims>;
}

/** Who signs, under which name, for which service. */
export interface TokenSource {
  issuer: string;
  service: string;
  keys: readonly TrustedKey[];
}

const tokenLife = 300;
const refreshLife = 90 * 86_400;
const clockToleranceSeconds = 30;
const maximumGrants = 100;
const rememberedAtMost = 1000;
/** Only signatures of key pairs: with a shared secret, or none, whoever reads could also write. */
const algorithms = ['ES256', 'ES384', 'RS256', 'RS384', 'RS512', 'PS256', 'EdDSA', 'Ed25519'];

export function createTokenIssuer(options: {
  key: SigningKey;
  issuer: string;
  service: string;
  now?: () => number;
}): TokenIssuer {
  const { key, issuer, service, now = Date.now } = options;
  const sign = (claims: JWTPayload, type: string, subject: string, audience: string, life: number) => {
    const seconds = Math.floor(now() / 1000);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: key.algorithm, kid: key.id, typ: type })
      .setIssuer(issuer)
      .setSubject(subject)
      .setAudience(audience)
      .setIssuedAt(seconds)
      .setNotBefore(seconds - clockToleranceSeconds)
      .setExpirationTime(seconds + life)
      .setJti(randomUUID())
      .sign(key.key);
  };
  const refreshAudience = `${service} refresh`;
  return {
    async issue(subject, grants, seal) {
      const access = grants
        .filter((grant) => grant.actions.length > 0)
        .map(({ repository, actions }) => ({ type: 'repository', name: repository, actions }));
      const issuedAt = new Date(Math.floor(now() / 1000) * 1000);
      const claims = seal === undefined ? { access } : { access, seal: shorten(seal) };
      const token = await sign(claims, 'JWT', subject, service, tokenLife);
      return { token, lifeSeconds: tokenLife, issuedAt };
    },
    issueRefresh: (subject, seal) =>
      sign({ seal: shorten(seal) }, 'refresh+jwt', subject, refreshAudience, refreshLife),
    async readRefresh(token, sealOf) {
      const { payload } = await orUnauthorized(
        jwtVerify(token, key.publicKey, {
          algorithms: [key.algorithm],
          issuer,
          audience: refreshAudience,
          typ: 'refresh+jwt',
          requiredClaims: ['exp', 'sub'],
          currentDate: new Date(now()),
        }),
      );
      const seal = await sealOf(payload.sub ?? '');
      if (seal === undefined || payload['seal'] !== shorten(seal)) throw refused('the account has changed');
      return payload.sub ?? '';
    },
  };
}

const shorten = (seal: string): string => createHash('sha256').update(seal).digest('base64url').slice(0, 22);

/**
 * Verified tokens are remembered until they expire: clients send them with each request. With `sealOf`, those of our own accounts are void as soon as the
 * account is gone or another.
 */
export function createTokenReader(options: {
  sources: () => Promise<readonly (TokenSource & { kind: TokenClaims['issuer'] })[]>;
  sealOf?: ((subject: string) => Promise<string | undefined>) | undefined;
  now?: () => number;
}): TokenReader {
  const { now = Date.now, sealOf } = options;
  const known = new Map<string, { claims: TokenClaims; seal: unknown; untilMs: number; trust: string }>();
  const requireSeal = async ({ subject, issuer }: TokenClaims, seal: unknown): Promise<void> => {
    if (sealOf === undefined || issuer !== 'own' || subject === '') return;
    const current = await sealOf(subject);
    if (current === undefined || seal !== shorten(current)) throw refused('the account has changed');
  };
  return {
    async read(token) {
      const sources = await options.sources();
      const trust = sources.flatMap(({ keys }) => keys.map(({ print }) => print)).join(' ');
      const proof = createHash('sha256').update(token).digest('base64');
      const before = known.get(proof);
      if (before && before.untilMs > now() && before.trust === trust) {
        await requireSeal(before.claims, before.seal);
        return before.claims;
      }
      known.delete(proof);
      const payload = await verify(token, sources, new Date(now()));
      const claims = { ...readClaims(payload.claims), issuer: payload.kind };
      const untilMs = ((payload.claims.exp ?? 0) + clockToleranceSeconds) * 1000;
      const { seal } = payload.claims;
      await requireSeal(claims, seal);
      known.set(proof, { claims, seal, untilMs, trust });
      const oldest = known.keys().next().value;
      if (known.size > rememberedAtMost && oldest !== undefined) known.delete(oldest);
      return claims;
    },
  };
}

async function verify(
  token: string,
  sources: readonly (TokenSource & { kind: TokenClaims['issuer'] })[],
  currentDate: Date,
): Promise<{ claims: JWTPayload; kind: TokenClaims['issuer'] }> {
  let failure: unknown;
  const named = await orUnauthorized(Promise.resolve().then(() => decodeJwt(token).iss));
  for (const { issuer, service, keys, kind } of sources.filter((each) => each.issuer === named))
    for (const { key } of keys)
      try {
        const { payload, protectedHeader } = await jwtVerify(token, key, {
          algorithms,
          issuer,
          audience: service,
          requiredClaims: ['exp'],
          clockTolerance: clockToleranceSeconds,
          currentDate,
        });
        if (protectedHeader.typ?.toLowerCase().startsWith('refresh')) break;
        return { claims: payload, kind };
      } catch (error) {
        // Expired or for another service: signed by a key that we trust, which says more than that other keys did not sign it.
        if (!(failure instanceof errors.JWTExpired || failure instanceof errors.JWTClaimValidationFailed))
          failure = error;
      }
  throw refused(reasonOf(failure));
}

function readClaims({ sub, access }: JWTPayload & { access?: unknown }): Omit<TokenClaims, 'issuer'> {
  const entries: unknown[] = Array.isArray(access) ? access.slice(0, maximumGrants) : [];
  const subject = sub !== undefined && isUserName(sub) ? sub : '';
  return { subject, grants: entries.flatMap(readGrant) };
}

function readGrant(entry: unknown): Grant[] {
  if (typeof entry !== 'object' || entry === null) return [];
  const { type, name, actions } = entry as Record<string, unknown>;
  if (type !== 'repository' || typeof name !== 'string' || !isRepositoryName(name)) return [];
  const words = Array.isArray(actions) ? actions.filter((each) => typeof each === 'string') : [];
  return [{ repository: name, actions: readActions(words) }];
}

async function orUnauthorized<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw refused(reasonOf(error));
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `its "${error.claim}" is not the right one`;
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not allowed';
  return error === undefined ? 'nobody known signed it' : 'its signature is not valid';
}

const refused = (why: string) => unauthorized(`the token is not accepted: ${why}`, { code: 'invalid-token' });
