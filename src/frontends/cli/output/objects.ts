import { invalid } from '../../../foundation/base/errors.ts';
import { TemplateError } from '../template/ast.ts';
import { executeTemplate } from '../template/execute.ts';
import { parseTemplate } from '../template/parser.ts';

/** Renders objects as `inspect --format` asks: nothing = one JSON list, `json` = one line each, otherwise a template for each. */
export function formatObjects(objects: readonly unknown[], format: string): string {
  if (format === '') return `${JSON.stringify(objects, undefined, 4)}\n`;
  return objects.map((object) => `${formatObject(object, format)}\n`).join('');
}

/** One object by `json` or a template. Words are found whatever their case, as the API's Go names and JSON names differ. */
export function formatObject(object: unknown, format: string): string {
  if (format === 'json') return JSON.stringify(object);
  return told(() => executeTemplate(parseTemplate(format), object, { anyCase: true }));
}

/** Throws when the template cannot be parsed, before anything is asked of the daemon. */
export function checkObjectFormat(format: string): void {
  if (format !== '' && format !== 'json') told(() => parseTemplate(format));
}

function told<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw invalid(`template parsing error: ${error.message}`, {
      hint: 'without --format the whole object is shown; words are written as there, e.g. {{.Id}}',
    });
  }
}
