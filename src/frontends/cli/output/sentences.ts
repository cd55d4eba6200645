import { wrapWords } from '../../../foundation/base/wrap-words.ts';

/** A label in a column of its own, and sentences beside it. */
export function besideLabel(
  label: string,
  sentences: readonly string[],
  { labelWidth, width }: { labelWidth: number; width: number },
): string[] {
  const lines = sentences.flatMap((sentence) => wrapWords(sentence, width - labelWidth));
  return lines.map((line, index) => `${(index === 0 ? label : '').padEnd(labelWidth)}${line}`);
}

/** Where no terminal tells its width. */
export function readableWidth(columns: number | undefined): number {
  return Math.max(60, Math.min(columns ?? 100, 110));
}
