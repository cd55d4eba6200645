import { invalid, unauthorized } from '../../../foundation/base/errors.ts';
import type { Action } from './actions.ts';
import type { Passwords } from './passwords.ts';
import type { AccessRules } from './rules.ts';
import type { Grant } from './scopes.ts';
import type { TokenReader } from './tokens.ts';

/** Who asks. */
export type Caller =
  | { kind: 'anonymous' }
  | { kind: 'user'; name: string }
  | { kind: 'token'; subject: string; grants: readonly Grant[]; issuer: 'own' | 'foreign' };

export type Verdict =
  | 'allowed'
  /** Whoever it is must say so first. */
  | 'login-needed'
  /** The token does not carry it; another one could. */
  | 'scope-needed'
  | 'denied';

/** Tells who asks and what they may. */
export interface Gate {
  /** Reads `Authorization`. Kind `unauthorized` when it proves nothing; `unavailable` when too many ask at once. */
  identify(authorization: string | undefined): Promise<Caller>;
  judge(caller: Caller, repository: string, action: Action): Promise<Verdict>;
  /** The same question about pulling many repositories, by the rules of this moment. */
  readableBy(caller: Caller): Promise<(repository: string) => boolean>;
  /** Of the wanted rights those that the rules give; `user` is absent for those who did not log in. */
  grant(user: string | undefined, wanted: readonly Grant[]): Promise<Grant[]>;
}

export interface GateOptions {
  /** Absent: nobody has a password. */
  passwords?: Passwords | undefined;
  /** Absent: no tokens. */
  tokens?: TokenReader | undefined;
  rules: () => Promise<AccessRules>;
}

export function createGate({ passwords, tokens, rules }: GateOptions): Gate {
  return {
    async identify(authorization) {
      if (authorization === undefined) return { kind: 'anonymous' };
      const [scheme, value = ''] = splitOnce(authorization.trim(), ' ');
      if (scheme.toLowerCase() === 'bearer' && tokens)
        return { kind: 'token', ...(await tokens.read(value.trim())) };
      if (scheme.toLowerCase() !== 'basic' || !passwords) throw unknownScheme();
      const { name, password } = parseBasic(value);
      if (await passwords.check(name, password)) return { kind: 'user', name };
      throw unauthorized('incorrect username or password', { code: 'wrong-password' });
    },
    judge: async (caller, repository, action) => judge(await rules(), caller, repository, action),
    async readableBy(caller) {
      const known = await rules();
      return (repository) => judge(known, caller, repository, 'pull') === 'allowed';
    },
    async grant(user, wanted) {
      const known = await rules();
      return wanted
        .map(({ repository, actions }) => ({
          repository,
          actions: actions.filter((action) => known.allows(user, repository, action)),
        }))
        .filter(({ actions }) => actions.length > 0);
    },
  };
}

function judge(rules: AccessRules, caller: Caller, repository: string, action: Action): Verdict {
  if (caller.kind === 'user') return rules.allows(caller.name, repository, action) ? 'allowed' : 'denied';
  if (caller.kind === 'anonymous')
    return rules.allows(undefined, repository, action) ? 'allowed' : 'login-needed';
  const carried = caller.grants.some(
    (grant) => grant.repository === repository && grant.actions.includes(action),
  );
  if (caller.issuer === 'foreign') return carried ? 'allowed' : 'scope-needed';
  // A right that the rules have taken back is gone from tokens too.
  const user = caller.subject === '' ? undefined : caller.subject;
  const may = rules.allows(user, repository, action);
  if (may && carried) return 'allowed';
  return may || user === undefined ? 'scope-needed' : 'denied';
}

function unknownScheme() {
  return unauthorized('this way of authorization is not known here', { code: 'unknown-scheme' });
}

/** RFC 7617: base64 of `name:password` in UTF-8. */
function parseBasic(value: string): { name: string; password: string } {
  const text = Buffer.from(value.trim(), 'base64').toString('utf8');
  if (text.length > 4096) throw invalid('the credentials are too long');
  const [name, password] = splitOnce(text, ':');
  if (password === undefined) throw unauthorized('the credentials are malformed', { code: 'wrong-password' });
  return { name, password };
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
