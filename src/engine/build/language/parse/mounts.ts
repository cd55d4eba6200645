import type { Flag, MountField, MountFlag } from '../instruction.ts';
import { resolveMount } from '../mount.ts';
import { sourceLimits } from '../text/limits.ts';
import { fault } from './context.ts';
import type { Parsing } from './context.ts';

/** Keys that may stand without a value. */
const switches = new Set(['readonly', 'ro', 'readwrite', 'rw', 'required']);

/** `--mount=type=cache,target=/root/.cache`. What holds no variable is checked here and now. */
export function parseMounts(parsing: Parsing): MountFlag[] {
  const flags = parsing.flags.filter(({ name }) => name === 'mount');
  const tooMany = flags[sourceLimits.mounts];
  if (tooMany)
    throw fault(parsing, tooMany.span, {
      code: 'too-many-mounts',
      message: `more than ${sourceLimits.mounts} mounts in one RUN`,
    });
  return flags.map((flag) => parseMount(parsing, flag));
}

function parseMount(parsing: Parsing, { value, span }: Flag): MountFlag {
  const fields: MountField[] = [];
  const at = value?.span ?? span;
  for (const part of (value?.text ?? '').split(',')) {
    const equals = part.indexOf('=');
    const key = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (equals < 0 && !switches.has(key))
      throw fault(parsing, at, {
        code: 'invalid-mount',
        message: `invalid field ${JSON.stringify(part.slice(0, 80))} of --mount: must be a key=value pair`,
        hint: 'for example: --mount=type=cache,target=/root/.cache',
      });
    fields.push({ key, ...(equals < 0 ? {} : { value: part.slice(equals + 1) }) });
  }
  const from = fields.find(({ key }) => key === 'from');
  if (from?.value?.includes('$') === true)
    throw fault(parsing, at, {
      code: 'unexpandable-from',
      message: `variables are not expanded in from= of --mount: ${from.value.slice(0, 80)}`,
      hint: 'define a stage with FROM $VARIABLE AS name, and mount from that',
    });
  const variable = fields.some((field) => field.value?.includes('$') === true);
  const resolved = resolveMount(fields, { unknown: variable });
  if (!resolved.ok) throw fault(parsing, at, { code: 'invalid-mount', ...resolved });
  return { span, fields };
}
