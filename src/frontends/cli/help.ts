import type { Command, OptionSpec, OptionTable } from './command.ts';

/** The command's own help, as `silo CMD --help` shows it; `name` is how it was called. */
export function formatCommandHelp(command: Command, name: string, columns: number): string {
  const parts = [usageLine(command, name), '', command.description ?? command.summary];
  if (command.aliases && command.aliases.length > 1)
    parts.push('', 'Aliases:', `  ${command.aliases.map((alias) => `silo ${alias}`).join(', ')}`);
  const options = formatOptions(command.options, columns);
  if (options !== '') parts.push('', 'Options:', options.trimEnd());
  if (command.examples && command.examples.length > 0)
    parts.push('', 'Examples:', ...command.examples.map((example) => `  ${example}`));
  return `${parts.join('\n')}\n`;
}

export function usageLine(command: Command, name: string): string {
  const hasOptions = Object.values(command.options).some((option) => option.hidden !== true);
  return `Usage:  silo ${name}${hasOptions ? ' [OPTIONS]' : ''}${command.usage === '' ? '' : ` ${command.usage}`}`;
}

/** Options in two columns; summaries are wrapped as Docker's help does, so that the two read alike. */
export function formatOptions(table: OptionTable, columns: number): string {
  const rows = Object.entries(table)
    .filter(([, spec]) => spec.hidden !== true)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => ({ left: optionWords(name, spec), right: spec.summary + defaultText(spec) }));
  const width = Math.max(0, ...rows.map((row) => row.left.length)) + 1;
  return rows
    .map((row) => `${row.left.padEnd(width)}  ${wrap(width + 2, columns - 1, row.right)}\n`)
    .join('');
}

function optionWords(name: string, spec: OptionSpec): string {
  const words = spec.short === undefined ? `      --${name}` : `  -${spec.short}, --${name}`;
  return spec.kind === 'bool' ? words : `${words} ${spec.kind}`;
}

function defaultText(spec: OptionSpec): string {
  if (spec.shown !== undefined) return spec.shown === '' ? '' : ` (default ${spec.shown})`;
  if (spec.kind === 'map') return ' (default map[])';
  if (spec.default === undefined || spec.default === false) return '';
  return ` (default ${typeof spec.default === 'string' ? JSON.stringify(spec.default) : spec.default})`;
}

/** Goes over the limit by this much rather than leave one short word on the last line. */
const slop = 5;
const narrowest = 24;

function wrap(indent: number, columns: number, text: string): string {
  let margin = indent;
  let start = '';
  if (columns - margin < narrowest) {
    margin = 16;
    start = `\n${' '.repeat(margin)}`;
  }
  const width = columns - margin - slop;
  const breakLine = `\n${' '.repeat(margin)}`;
  if (columns - margin < narrowest) return text.replaceAll('\n', breakLine);
  const lines: string[] = [];
  for (let rest = text; rest !== '';) {
    const at = breakAt(rest, width);
    lines.push(rest.slice(0, at).replaceAll('\n', breakLine));
    rest = rest.slice(at + 1);
  }
  return start + lines.join(breakLine);
}

/** Where the first line ends: at the last space before the limit, or at a line end inside of it. */
function breakAt(text: string, width: number): number {
  if (width + slop > text.length) return text.length;
  const head = text.slice(0, width);
  const space = Math.max(head.lastIndexOf(' '), head.lastIndexOf('\t'), head.lastIndexOf('\n'));
  if (space <= 0) return text.length;
  const newline = head.lastIndexOf('\n');
  return newline > 0 && newline < space ? newline : space;
}
