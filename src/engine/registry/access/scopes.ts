import { type Action, actions, isAction } from './actions.ts';

/** Rights on one repository, as a token carries them. */
export interface Grant {
  repository: string;
  actions: Action[];
}

const maximumScopes = 100;
const maximumLength = 300;
const repositoryName = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;

export const isRepositoryName = (text: string): boolean => text.length <= 255 && repositoryName.test(text);

/**
 * Reads `repository:NAME:ACTION,ACTION`, several with spaces between them. Distribution's docs/spec/auth/scope.md. What is of another type or malformed
 * is passed over: a token server grants a subset, it does not refuse.
 */
export function parseScopes(texts: readonly string[]): Grant[] {
  const words = texts.flatMap((text) => text.split(' ')).filter((word) => word !== '');
  return words.slice(0, maximumScopes).flatMap((word) => {
    const match =
      word.length <= maximumLength ? /^repository(?:\([^)]*\))?:(.+):([a-z*,]*)$/.exec(word) : null;
    const repository = match?.[1] ?? '';
    return isRepositoryName(repository)
      ? [{ repository, actions: readActions((match?.[2] ?? '').split(',')) }]
      : [];
  });
}

/** `*` is every action. */
export function readActions(words: readonly string[]): Action[] {
  return words.includes('*') ? [...actions] : actions.filter((action) => words.includes(action));
}

export const formatScope = (repository: string, wanted: readonly Action[]): string =>
  `repository:${repository}:${wanted.filter(isAction).join(',')}`;
