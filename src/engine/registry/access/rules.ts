import { invalid } from '../../../foundation/base/errors.ts';
import { type Action, actions, isAction } from './actions.ts';
import { isUserName } from './htpasswd.ts';

/** Who may do what with which repositories. Nothing is allowed that no rule allows. */
export interface AccessRules {
  /** `user` is absent for those who did not log in. */
  allows(user: string | undefined, repository: string, action: Action): boolean;
  /** Whether there is anything at all for those who did not log in. */
  readonly openToAnonymous: boolean;
}

interface Rule {
  who: { kind: 'everyone' } | { kind: 'users' } | { kind: 'names'; names: ReadonlySet<string> };
  /** The pattern with `{user}` still in it, when it has that. */
  pattern: string;
  matches: RegExp | undefined;
  actions: ReadonlySet<Action>;
}

const maximumRules = 1000;
const userWord = '{user}';
/** A user's name that is one component of a repository's name, so that `{user}` cannot widen a pattern. */
const component = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const patternText = /^(?:[a-z0-9._*/-]|\{user\})+$/;

/**
 * Reads an access file. Each line is one of
 *
 *     group NAME = USER USER …
 *     allow WHO PATTERN ACTIONS
 *
 * WHO: a user, `@GROUP`, `users` (all who logged in) or `everyone`. PATTERN: `*` stands for any part of one component of the name, `**` for any
 * number of components, `{user}` for the name of who asks. ACTIONS: `pull`, `push`, `delete` with commas between them, or `all`. Rules add up.
 */
export function parseAccessRules(text: string): AccessRules {
  const groups = new Map<string, ReadonlySet<string>>();
  const rules: Rule[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const words = raw.replace(/#.*$/, '').trim().split(/\s+/);
    const fail = (why: string) => invalid(`line ${index + 1}: ${why}`);
    if (words[0] === '') continue;
    if (words[0] === 'group') readGroup(words, groups, fail);
    else if (words[0] === 'allow') rules.push(readRule(words, groups, fail));
    else throw fail(`"${words[0]?.slice(0, 40)}" is neither "allow" nor "group"`);
    if (rules.length > maximumRules) throw fail(`more than ${maximumRules} rules`);
  }
  return createRules(rules);
}

type Fail = (why: string) => Error;

function readGroup(words: string[], groups: Map<string, ReadonlySet<string>>, fail: Fail): void {
  const [, name = '', sign, ...users] = words;
  if (!isUserName(name) || sign !== '=' || !users.every(isUserName)) throw fail('want: group NAME = USER …');
  if (groups.has(name)) throw fail(`the group ${name} is there twice`);
  groups.set(name, new Set(users));
}

function readRule(words: string[], groups: ReadonlyMap<string, ReadonlySet<string>>, fail: Fail): Rule {
  const [, who = '', pattern = '', list = '', ...rest] = words;
  if (rest.length > 0 || list === '') throw fail('want: allow WHO PATTERN ACTIONS');
  // Each wildcard multiplies the work of a match.
  if (!patternText.test(pattern) || (pattern.match(/\*+/g) ?? []).length > 4)
    throw fail(`"${pattern.slice(0, 80)}" is no pattern of repository names`);
  const wanted = list === 'all' ? [...actions] : list.split(',').filter((each) => each !== '');
  const unknown = wanted.find((each) => !isAction(each));
  if (unknown !== undefined)
    throw fail(`"${unknown.slice(0, 40)}" is no action: want ${actions.join(', ')} or all`);
  return {
    who: readWho(who, groups, fail),
    pattern,
    matches: pattern.includes(userWord) ? undefined : compile(pattern),
    actions: new Set(wanted.filter(isAction)),
  };
}

function readWho(who: string, groups: ReadonlyMap<string, ReadonlySet<string>>, fail: Fail): Rule['who'] {
  if (who === 'everyone' || who === 'users') return { kind: who };
  if (!who.startsWith('@')) {
    if (!isUserName(who)) throw fail(`"${who.slice(0, 40)}" is no user name`);
    return { kind: 'names', names: new Set([who]) };
  }
  const names = groups.get(who.slice(1));
  if (!names) throw fail(`there is no group ${who.slice(1, 40)} above`);
  return { kind: 'names', names };
}

function createRules(rules: readonly Rule[]): AccessRules {
  return {
    openToAnonymous: rules.some(({ who }) => who.kind === 'everyone'),
    allows: (user, repository, action) =>
      rules.some(
        (rule) => rule.actions.has(action) && isMeant(rule, user) && matches(rule, user, repository),
      ),
  };
}

function isMeant({ who }: Rule, user: string | undefined): boolean {
  if (who.kind === 'everyone') return true;
  return user !== undefined && (who.kind === 'users' || who.names.has(user));
}

function matches(
  { pattern, matches: compiled }: Rule,
  user: string | undefined,
  repository: string,
): boolean {
  if (compiled) return compiled.test(repository);
  if (user === undefined || !component.test(user)) return false;
  return compile(pattern.replaceAll(userWord, user)).test(repository);
}

function compile(pattern: string): RegExp {
  const source = pattern.replace(/\*\*|\*|[.+?^$()|[\]\\{}]/g, (found) =>
    found === '**' ? '.+' : found === '*' ? '[^/]*' : `\\${found}`,
  );
  return new RegExp(`^${source}$`);
}

/** The rules without an access file: who logged in may do everything, the others nothing or read. */
export function defaultRules({ anonymousRead }: { anonymousRead: boolean }): AccessRules {
  return {
    openToAnonymous: anonymousRead,
    allows: (user, _, action) => user !== undefined || (anonymousRead && action === 'pull'),
  };
}
