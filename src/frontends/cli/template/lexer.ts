import { TemplateError } from './ast.ts';

export type Token = { at: number; text: string } & (
  | { kind: 'text' | 'space' | 'field' | 'variable' | 'word' | 'symbol' | 'end' }
  | { kind: 'string'; value: string }
  | { kind: 'number'; value: number }
);

const trimmed = ' \t\r\n';

/** Tokens of the whole template; actions end with a token of kind `end`. */
export function tokenize(template: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < template.length) {
    const open = template.indexOf('{{', at);
    const end = open < 0 ? template.length : open;
    const trimsLeft = open >= 0 && template[open + 2] === '-' && trimmed.includes(template[open + 3] ?? '');
    const text = template.slice(at, end);
    const shown = trimsLeft ? text.replace(/[ \t\r\n]+$/, '') : text;
    if (shown !== '') tokens.push({ kind: 'text', at, text: shown });
    if (open < 0) break;
    at = readAction(template, open + (trimsLeft ? 3 : 2), tokens);
  }
  return tokens;
}

/** Reads up to and with `}}`; gives the offset behind it (and behind blanks that ` -}}` eats). */
function readAction(template: string, start: number, tokens: Token[]): number {
  let at = start;
  const comment = /\s*\/\*[\s\S]*?\*\/\s*?(-?)\}\}/y;
  comment.lastIndex = at;
  const skipped = comment.exec(template);
  if (skipped) return skipBlanks(template, comment.lastIndex, skipped[1] === '-');
  for (;;) {
    const close = /[ \t\r\n]-\}\}|\}\}/y;
    close.lastIndex = at;
    const closing = close.exec(template);
    if (closing) {
      tokens.push({ kind: 'end', at, text: '}}' });
      return skipBlanks(template, close.lastIndex, closing[0].length > 2);
    }
    if (at >= template.length) throw syntax(template, at, 'unclosed action');
    const token = readToken(template, at);
    tokens.push(token);
    at += token.text.length;
  }
}

function skipBlanks(template: string, from: number, trims: boolean): number {
  if (!trims) return from;
  let at = from;
  while (at < template.length && trimmed.includes(template[at] ?? '')) at++;
  return at;
}

const patterns: [Exclude<Token['kind'], 'end' | 'text'>, RegExp][] = [
  ['space', /[ \t\r\n]+/y],
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['number', /[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y],
  ['field', /\.(?:[\p{L}_][\p{L}\p{N}_]*)?/uy],
  ['variable', /\$(?:[\p{L}_][\p{L}\p{N}_]*)?/uy],
  ['word', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['symbol', /:=|[=|(),]/y],
];

function readToken(template: string, at: number): Token {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const text = pattern.exec(template)?.[0];
    if (text === undefined) continue;
    if (kind === 'string') return { kind, at, text, value: unquote(template, at, text) };
    if (kind === 'number') return { kind, at, text, value: Number(text) };
    return { kind, at, text };
  }
  const character = String.fromCodePoint(template.codePointAt(at) ?? 0);
  if (character === '"') throw syntax(template, at, 'unterminated quoted string');
  if (character === '`') throw syntax(template, at, 'unterminated raw quoted string');
  throw syntax(template, at, `unexpected ${JSON.stringify(character)} in command`);
}

const escapes: Record<string, string> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '"': '"',
  "'": "'",
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
};

function unquote(template: string, at: number, text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  return text
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/g,
      (whole, hex: string, wide: string, letter: string) => {
        const code = hex ?? wide;
        const value = code === undefined ? escapes[letter] : String.fromCharCode(Number.parseInt(code, 16));
        if (value === undefined) throw syntax(template, at, `invalid syntax: ${whole}`);
        return value;
      },
    );
}

export function syntax(template: string, at: number, what: string): TemplateError {
  return new TemplateError(`template: :${template.slice(0, at).split('\n').length}: ${what}`);
}
