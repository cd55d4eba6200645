import { type Caller, createGate } from '../../engine/registry/access/gate.ts';
import type { RegistryAccessControl } from '../../engine/registry/access/open-access.ts';
import {
  type SiloError,
  forbidden,
  toSiloError,
  unauthorized,
  unsupported,
} from '../../foundation/base/errors.ts';
import type { Exchange } from '../../foundation/http/http.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { Access, Authorize } from './access.ts';
import { type ChallengeFor, formatChallenge, realmFor } from './login/challenge.ts';

/** Who asks, and whether they may: what stands between a request and the registry. */
export interface Edge {
  authorize: Authorize;
  /** Who asks; kind `unauthorized` with its challenge set. Asked once for each request, however often it is called. */
  identify(exchange: Exchange, how?: 'clients' | 'people'): Promise<Caller>;
  /** Which repositories the caller may pull, by the rules of this moment: for lists of thousands. */
  readableBy(caller: Caller): Promise<(repository: RepositoryName) => boolean>;
  /** Tells a browser to ask for name and password. */
  demandPassword(exchange: Exchange): void;
  /** Counts it, and tells how to log in with a password. */
  refused(exchange: Exchange): void;
  /** Whether somebody who did not log in may see anything. */
  openToAnonymous(): Promise<boolean>;
}

export interface EdgeOptions {
  /** Absent: everybody may do everything. */
  access: RegistryAccessControl | undefined;
  readOnly: boolean;
  secure: boolean;
  externalUrl: string | undefined;
  onRefusedLogin: () => void;
}

const pageRealm = 'Silo registry';
const retryAfterSeconds = '5';

export function createEdge({ access, ...options }: EdgeOptions): Edge {
  const everybody = { openToAnonymous: true, allows: () => true };
  const gate = access?.gate ?? createGate({ rules: async () => everybody });
  const callers = new WeakMap<Exchange, Promise<Caller>>();
  // Requests that were let in: a further question (a mount) must not leave a challenge in a good answer.
  const admitted = new WeakSet<Exchange>();
  const challenge = (exchange: Exchange, asked: ChallengeFor = {}): void => {
    if (access === undefined || admitted.has(exchange)) return;
    const { host } = exchange.headers;
    const realm =
      access.challenge.kind === 'bearer'
        ? (access.challenge.realm ?? realmFor({ ...options, host }))
        : undefined;
    exchange.setHeader(
      'WWW-Authenticate',
      access.challenge.kind === 'basic' || realm === undefined
        ? formatChallenge({ kind: 'basic', realm: pageRealm })
        : formatChallenge({ kind: 'bearer', realm, service: access.challenge.service }, asked),
    );
  };
  const demandPassword = (exchange: Exchange): void =>
    exchange.setHeader('WWW-Authenticate', formatChallenge({ kind: 'basic', realm: pageRealm }));
  const identify = async (exchange: Exchange): Promise<Caller> => {
    // Without users a header that a client sends anyway means nothing.
    const header = access === undefined ? undefined : exchange.headers.authorization;
    const known = callers.get(exchange) ?? gate.identify(header);
    callers.set(exchange, known);
    return known;
  };
  const refuse = (exchange: Exchange, asked: ChallengeFor): SiloError => {
    challenge(exchange, asked);
    return unauthorized('authentication required');
  };
  const allow = async (exchange: Exchange, caller: Caller, wanted: Access): Promise<void> => {
    if (access === undefined) return;
    switch (wanted.action) {
      case 'ping':
        if (caller.kind === 'anonymous') throw refuse(exchange, {});
        return;
      case 'catalog':
        if (caller.kind === 'anonymous' && !(await access.rules()).openToAnonymous)
          throw refuse(exchange, {});
        return;
      case 'pull':
      case 'push':
      case 'delete': {
        const { repository, action } = wanted;
        const actions = action === 'push' ? (['pull', 'push'] as const) : [action];
        switch (await gate.judge(caller, repository, action)) {
          case 'allowed':
            return;
          case 'login-needed':
            throw refuse(exchange, { repository, actions });
          case 'scope-needed':
            throw refuse(exchange, { repository, actions, error: 'insufficient_scope' });
          case 'denied':
            throw forbidden('requested access to the resource is denied');
        }
      }
    }
  };
  const edge: Edge = {
    demandPassword,
    refused(exchange) {
      options.onRefusedLogin();
      demandPassword(exchange);
    },
    openToAnonymous: async () => access === undefined || (await access.rules()).openToAnonymous,
    async identify(exchange, how = 'clients') {
      try {
        return await identify(exchange);
      } catch (thrown) {
        const error = toSiloError(thrown);
        if (error.code === 'too-many-requests') exchange.setHeader('Retry-After', retryAfterSeconds);
        if (error.kind === 'unauthorized') {
          options.onRefusedLogin();
          if (how === 'people') demandPassword(exchange);
          else challenge(exchange, error.code === 'invalid-token' ? { error: 'invalid_token' } : {});
        }
        throw error;
      }
    },
    readableBy: (caller) => gate.readableBy(access === undefined ? { kind: 'anonymous' } : caller),
    async authorize(exchange, wanted) {
      const caller = await edge.identify(exchange);
      await allow(exchange, caller, wanted);
      if (options.readOnly && (wanted.action === 'push' || wanted.action === 'delete'))
        throw unsupported('this registry is read-only');
      admitted.add(exchange);
      const user = nameOf(caller);
      return user === undefined ? undefined : { user };
    },
  };
  return edge;
}

function nameOf(caller: Caller): string | undefined {
  if (caller.kind === 'user') return caller.name;
  return caller.kind === 'token' && caller.subject !== '' ? caller.subject : undefined;
}
