import type { BuildStepJson } from '../../../../foundation/wire/silo/build-session.ts';
import { visible } from '../../output/text.ts';
import { lastShown, type Steps, titleOf } from './steps.ts';

/** Lines of the Dockerfile before and behind those of the step. */
const around = 3;
const shownLines = 20;

/** What is shown of the step that failed: the last of its output, and its lines of the Dockerfile. Empty when no step failed. */
export function failureText(steps: Steps, source: Uint8Array | undefined, file: string): string {
  const failed = [...steps.all.values()].find(({ phase }) => phase === 'failed');
  if (failed === undefined) return '';
  const output = [...failed.lines, ...(failed.open === '' ? [] : [failed.open])].slice(-shownLines);
  const rule = '------\n';
  const log =
    output.length === 0
      ? ''
      : `${rule} > ${titleOf(failed, steps.all)}:\n${output.map((line) => `${lastShown(line)}\n`).join('')}${rule}`;
  return `${log}${source === undefined ? '' : excerptOf(failed.step, source, file)}`;
}

function excerptOf({ line, endLine }: BuildStepJson, source: Uint8Array, file: string): string {
  const lines = Buffer.from(source)
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split(/\r?\n/);
  const first = Math.max(1, line - around);
  const last = Math.min(lines.length, endLine + around);
  const rule = '--------------------\n';
  let text = `${visible(file)}:${line}\n${rule}`;
  for (let number = first; number <= last; number++) {
    const mark = number >= line && number <= endLine ? '>>>' : '   ';
    const content = lines[number - 1] ?? '';
    if (number > endLine && number === lines.length && content === '') break;
    text +=
      `${String(number).padStart(4)} | ${mark} ${visible(content.length > 400 ? `${content.slice(0, 399)}…` : content)}`.trimEnd() +
      '\n';
  }
  return `${text}${rule}`;
}
