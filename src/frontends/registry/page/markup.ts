/** Markup that was put together by `markup`: texts in it are escaped. */
export interface Html {
  readonly markup: string;
}

type Part = Html | string | number | undefined | readonly (Html | undefined)[];

/** A template whose values are escaped unless they are markup themselves: the only way to make any. */
export function markup(strings: TemplateStringsArray, ...parts: Part[]): Html {
  const text = strings
    .map((text, index) => (index === 0 ? text : `${render(parts[index - 1])}${text}`))
    .join('');
  return { markup: text };
}

function render(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escape(part);
  return 'markup' in part ? part.markup : part.map((each) => each?.markup ?? '').join('');
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Also takes what would turn the direction of text around or hide it. */
function escape(text: string): string {
  return text
    .replace(/[&<>"'`]/g, (character) => entities[character] ?? '')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, (character) =>
      character === '\n' || character === '\t' ? ' ' : '\u{fffd}',
    );
}
