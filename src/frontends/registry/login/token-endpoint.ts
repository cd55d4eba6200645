import type { Gate } from '../../../engine/registry/access/gate.ts';
import { type Grant, formatScope, parseScopes } from '../../../engine/registry/access/scopes.ts';
import type { TokenIssuer } from '../../../engine/registry/access/tokens.ts';
import { type SiloError, invalid, unauthorized } from '../../../foundation/base/errors.ts';

/**
 * The server as its own token server: distribution's docs/spec/auth/token.md (GET with basic credentials) and oauth.md (POST with a password or a
 * refresh token). A token carries what the rules give of what was asked for, perhaps nothing: the registry then answers for itself.
 */
export interface TokenEndpoint {
  get(query: URLSearchParams, authorization: string | undefined): Promise<TokenAnswer>;
  post(form: URLSearchParams): Promise<TokenAnswer>;
}

/** The fields are the specification's. */
export interface TokenAnswer {
  /** Both names, for clients of both pages. */
  token: string;
  access_token: string;
  expires_in: number;
  issued_at: string;
  scope?: string;
  refresh_token?: string;
}

export interface TokenEndpointOptions {
  gate: Gate;
  issuer: TokenIssuer;
  /** What changes when the account does; undefined for nobody's name. */
  sealOf: (user: string) => Promise<string | undefined>;
  /** Whether somebody without a login can have any right. */
  openToAnonymous: () => Promise<boolean>;
}

export function createTokenEndpoint(options: TokenEndpointOptions): TokenEndpoint {
  const { gate, issuer, sealOf } = options;
  const issue = async (user: string | undefined, wanted: readonly Grant[], offline: boolean) => {
    const grants = await gate.grant(user, wanted);
    const seal = user === undefined ? undefined : await sealOf(user);
    const { token, lifeSeconds, issuedAt } = await issuer.issue(user ?? '', grants, seal);
    const answer: TokenAnswer = {
      token,
      access_token: token,
      expires_in: lifeSeconds,
      issued_at: issuedAt.toISOString(),
      scope: grants.map((grant) => formatScope(grant.repository, grant.actions)).join(' '),
    };
    if (offline && user !== undefined && seal !== undefined)
      answer.refresh_token = await issuer.issueRefresh(user, seal);
    return answer;
  };
  return {
    async get(query, authorization) {
      const caller = await gate.identify(authorization);
      // A token is no password: with one, rights could be prolonged for ever.
      if (caller.kind === 'token' || (caller.kind === 'anonymous' && !(await options.openToAnonymous())))
        throw unauthorized('authentication required', { code: 'login-needed' });
      const user = caller.kind === 'user' ? caller.name : undefined;
      return issue(user, parseScopes(query.getAll('scope')), query.get('offline_token') === 'true');
    },
    async post(form) {
      const wanted = parseScopes(form.getAll('scope'));
      switch (form.get('grant_type')) {
        case 'password': {
          const [name, password] = [form.get('username') ?? '', form.get('password') ?? ''];
          const basic = Buffer.from(`${name}:${password}`).toString('base64');
          const caller = await gate.identify(`Basic ${basic}`);
          if (caller.kind !== 'user') throw unauthorized('authentication required');
          return issue(caller.name, wanted, form.get('access_type') === 'offline');
        }
        case 'refresh_token': {
          const given = form.get('refresh_token') ?? '';
          const user = await issuer.readRefresh(given, sealOf);
          return { ...(await issue(user, wanted, false)), refresh_token: given };
        }
        case null:
        default:
          throw invalid('want grant_type password or refresh_token', { code: 'unsupported-grant' });
      }
    },
  };
}

/** The error of RFC 6749 section 5.2 that says the same. */
export function oauthError(error: SiloError): string {
  if (error.code === 'unsupported-grant') return 'unsupported_grant_type';
  return error.kind === 'unauthorized' ? 'invalid_grant' : 'invalid_request';
}
