import { faultAt } from './fault.ts';
import type { Source } from './source.ts';
import type { Word } from './span.ts';

export interface Directives {
  /** The image of the language's version, as `# syntax=` names it. Silo knows one language and reads on. */
  syntax?: Word;
  /** The escape character, `\` unless said otherwise. */
  escape: '\\' | '`';
  /** `# check=skip=A,B;error=true`. */
  check?: CheckDirective;
  /** The first line that is no directive. */
  firstLine: number;
}

export interface CheckDirective extends CheckSettings {
  word: Word;
}

export interface CheckSettings {
  /** Names of rules that are not applied; `all` is every one. */
  skip: readonly string[];
  /** Rules that are applied only when asked for; `all` is every one. */
  experimental: readonly string[];
  /** Whether findings make the build fail. */
  error: boolean;
}

const names = ['syntax', 'escape', 'check'];

/** Reads the comments at the top that steer how the file is read. The first line that is none ends them. */
export function readDirectives(source: Source): Directives {
  const found: Directives = { escape: '\\', firstLine: 1 };
  const seen = new Set<string>();
  for (const [index, { text }] of source.lines.entries()) {
    // A file that can be executed starts with `#!`.
    if (index === 0 && text.startsWith('#!')) continue;
    const match = /^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=(.*)$/.exec(text);
    const name = match?.[1]?.toLowerCase() ?? '';
    if (!match || !names.includes(name)) break;
    const value = match[2]?.trim() ?? '';
    const column = text.length - (match[2]?.trimStart().length ?? 0) + 1;
    const span = { line: index + 1, column, length: value.length, endLine: index + 1 };
    if (seen.has(name))
      throw faultAt(
        source,
        { ...span, column: 1, length: text.trimEnd().length },
        {
          code: 'duplicate-directive',
          message: `only one ${name} parser directive can be used`,
        },
      );
    seen.add(name);
    applyDirective(source, found, name, { text: value, span });
    found.firstLine = index + 2;
  }
  return found;
}

function applyDirective(source: Source, found: Directives, name: string, word: Word): void {
  if (name === 'syntax') found.syntax = word;
  else if (name === 'check') found.check = checkDirective(source, word);
  else if (word.text === '\\' || word.text === '`') found.escape = word.text;
  else
    throw faultAt(source, word.span, {
      code: 'invalid-escape',
      message: `invalid escape token ${JSON.stringify(word.text)}: it must be \` or \\`,
      hint: 'write # escape=` or # escape=\\',
    });
}

function checkDirective(source: Source, word: Word): CheckDirective {
  const settings = parseCheckSettings(word.text);
  if (typeof settings !== 'string') return { word, ...settings };
  throw faultAt(source, word.span, {
    code: 'invalid-check-directive',
    message: `invalid check directive ${JSON.stringify(settings)}`,
    hint: 'write # check=skip=RuleA,RuleB;error=true',
  });
}

/** `skip=A,B;error=true;experimental=C`; the part that is wrong when one is. */
export function parseCheckSettings(text: string): CheckSettings | string {
  const settings: CheckSettings = { skip: [], experimental: [], error: false };
  for (const part of text.split(';')) {
    const [key = '', value = ''] = part.split(/=(.*)/s).map((piece) => piece.trim());
    const list = value.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
    if (key.toLowerCase() === 'skip') settings.skip = list;
    else if (key.toLowerCase() === 'experimental') settings.experimental = list;
    else if (key.toLowerCase() === 'error' && /^(true|false|1|0)$/i.test(value))
      settings.error = /^(true|1)$/i.test(value);
    else if (part.trim() !== '') return part.trim().slice(0, 200);
  }
  return settings;
}
