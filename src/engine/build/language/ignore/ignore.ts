import { posix } from 'node:path';
import { invalid } from '../../../../foundation/base/errors.ts';
import { mayMatchBelow, parsePattern, patternMatches } from './pattern.ts';
import type { IgnorePattern } from './pattern.ts';

/** What is known of a folder once it was looked at; its entries need it. Opaque to callers. */
export type FolderMatch = readonly boolean[];

export interface IgnoreAnswer {
  ignored: boolean;
  /** To hand on for the entries of this folder. */
  match: FolderMatch;
}

export interface IgnoreMatcher {
  /** False: nothing is ever ignored. */
  readonly hasPatterns: boolean;
  /**
   * Whether a path of the context (`src/a.ts`: slashes, none in front) is left out. `folder` is the answer for the folder that holds it, absent at
   * the top. Entries of a folder are asked after the folder.
   */
  ask(path: string, folder?: FolderMatch): IgnoreAnswer;
  /** Whether an ignored folder must be walked all the same, because something below may be taken in again. */
  mayHoldMore(path: string, folder: FolderMatch): boolean;
  /** The answer for one path alone, its folders looked at on the way. */
  ignores(path: string): boolean;
}

/** More patterns than this, or longer ones, are no list that a person wrote. */
const mostPatterns = 10_000;
const longestPattern = 4096;

/** Reads a `.dockerignore`. Kind `invalid` with file and line when a pattern is none. */
export function parseIgnoreFile(text: string, name = '.dockerignore'): IgnoreMatcher {
  const patterns: IgnorePattern[] = [];
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (line.startsWith('#')) continue;
    const trimmed = line.trim();
    if (trimmed === '') continue;
    const refuse = (why: string) =>
      invalid(`${name}:${index + 1}: ${why}: ${JSON.stringify(trimmed.slice(0, 200))}`, {
        code: 'invalid-ignore-pattern',
        hint: 'escape the characters [ ] * ? and \\ with a backslash when they mean themselves',
      });
    if (trimmed === '!') throw refuse('illegal exclusion pattern');
    if (trimmed.length > longestPattern || patterns.length >= mostPatterns)
      throw refuse(`more than ${mostPatterns} patterns, or one of more than ${longestPattern} characters`);
    const exclusion = trimmed.startsWith('!');
    const pattern = parsePattern(cleaned(exclusion ? trimmed.slice(1).trim() : trimmed), exclusion);
    if (pattern === undefined) throw refuse('syntax error in pattern');
    patterns.push(pattern);
  }
  return createIgnoreMatcher(patterns);
}

/** `./a/../b/` is `b`; a leading slash means the context's root, as no slash does. */
function cleaned(text: string): string {
  const clean = posix.normalize(text).replace(/\/+$/, '');
  return clean.length > 1 ? clean.replace(/^\/+/, '') : clean;
}

/**
 * Docker looks at patterns in order and the last that matches decides; what a folder matched holds for everything below. A pattern that
 * could not change the answer for a folder is not looked at there, and so does not hold below: rarely visible, and kept.
 */
function createIgnoreMatcher(patterns: readonly IgnorePattern[]): IgnoreMatcher {
  const nothing: FolderMatch = patterns.map(() => false);
  const exclusions = patterns.filter(({ exclusion }) => exclusion);

  const ask = (path: string, folder: FolderMatch = nothing): IgnoreAnswer => {
    let ignored = false;
    const match = patterns.map((pattern, index) => {
      const inherited = folder[index] ?? false;
      if (!inherited && (pattern.exclusion !== ignored || !patternMatches(pattern, path))) return false;
      ignored = !pattern.exclusion;
      return true;
    });
    return { ignored, match };
  };

  return {
    hasPatterns: patterns.length > 0,
    ask,
    mayHoldMore: (path, folder) =>
      exclusions.some((pattern) => mayMatchBelow(pattern, path)) ||
      patterns.some((pattern, index) => pattern.exclusion && folder[index] === true),
    ignores(path) {
      const parts = path.split('/');
      let answer: IgnoreAnswer = { ignored: false, match: nothing };
      for (let depth = 1; depth <= parts.length; depth++)
        answer = ask(parts.slice(0, depth).join('/'), answer.match);
      return answer.ignored;
    },
  };
}

/** Which files hold the patterns of a build, first found wins: beside the Dockerfile under its name, then in the context. */
export const ignoreFileNames = (dockerfile: string): readonly string[] => [
  `${dockerfile}.dockerignore`,
  '.dockerignore',
];
