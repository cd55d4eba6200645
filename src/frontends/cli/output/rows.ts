import { invalid } from '../../../foundation/base/errors.ts';
import type { SiloError } from '../../../foundation/base/errors.ts';
import type { Node } from '../template/ast.ts';
import { TemplateError } from '../template/ast.ts';
import { executeTemplate } from '../template/execute.ts';
import { parseTemplate } from '../template/parser.ts';
import { alignTabs } from './tabs.ts';

/** One line of a list: a value for each word of `--format`; methods (`.Label "x"`) are functions. */
export type Row = Record<string, string | boolean | ((...args: unknown[]) => unknown)>;

export interface RowFormat {
  /** The title of each word. */
  headers: Record<string, string>;
  /** What `table` without a template means. */
  table: string;
}

/** Renders rows as `--format` asks: nothing or `table`, `table TEMPLATE`, `json`, or a template for each row. */
export function formatRows(rows: Iterable<Row>, format: string, shape: RowFormat): string {
  const trimmed = format.trim();
  const isTable = trimmed === '' || /^table(\s|$)/.test(trimmed);
  if (!isTable) {
    const nodes = trimmed === 'json' ? undefined : parseFormat(unescape(trimmed));
    const words = Object.keys(shape.headers);
    return [...rows]
      .map((row) => `${nodes ? executeFormat(nodes, row, words) : formatRowJson(row)}\n`)
      .join('');
  }
  const template = trimmed.replace(/^table\s*/, '');
  const nodes = parseFormat(template === '' ? shape.table : unescape(template));
  const lines = [
    executeFormat(nodes, headerRow(shape), Object.keys(shape.headers)),
    ...[...rows].map((row) => executeFormat(nodes, row)),
  ];
  return `${alignTabs(lines.join('\n'))}\n`;
}

/** The same for a list with `--quiet`, which shows one word alone unless a format was given. */
export function formatList(
  rows: Iterable<Row>,
  { options, given }: { options: { format: string; quiet: boolean }; given: ReadonlySet<string> },
  { quiet = '{{.ID}}', ...shape }: RowFormat & { quiet?: string },
): string {
  return formatRows(rows, options.quiet && !given.has('format') ? quiet : options.format, shape);
}

/** What lists show of labels. */
export const labelFields = (labels: Readonly<Record<string, string>> | null | undefined): Row => ({
  Labels: Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(','),
  Label: (name) => labels?.[String(name)] ?? '',
});

/** `\t` and `\n` may be written as two characters in a shell. */
const unescape = (text: string): string => text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');

function headerRow(shape: RowFormat): Row {
  return {
    ...shape.headers,
    Label: (name) => String(name).split('.').at(-1)?.replaceAll(/[-_]/g, ' ') ?? '',
  };
}

function formatRowJson(row: Row): string {
  const entries = Object.entries(row).filter(([, value]) => typeof value !== 'function');
  const text = JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
  // As Go's encoder does by default, so that the line may stand in HTML.
  return text.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

/** Throws when the template of a list cannot be parsed. */
export function checkFormat(format: string): void {
  const template = format.trim().replace(/^(table|json)(?=\s|$)\s*/, '');
  if (template !== '') parseFormat(unescape(template));
}

export function parseFormat(template: string): Node[] {
  try {
    return parseTemplate(template);
  } catch (error) {
    throw error instanceof TemplateError ? invalid(`failed to parse template: ${error.message}`) : error;
  }
}

/** `words`: those that the template may use, told to who used another one. */
export function executeFormat(nodes: readonly Node[], data: unknown, words: readonly string[] = []): string {
  try {
    return executeTemplate(nodes, data);
  } catch (error) {
    throw error instanceof TemplateError ? templateFailure(error, words) : error;
  }
}

const templateFailure = (error: TemplateError, words: readonly string[]): SiloError =>
  invalid(
    `failed to execute template: ${error.message}`,
    words.length === 0 ? {} : { hint: `words here: ${words.map((word) => `.${word}`).join(', ')}` },
  );
