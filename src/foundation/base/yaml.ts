import { YAML } from 'bun';
import { corrupt } from './errors.ts';

/** The value of a YAML 1.2 document (of which JSON is a part); kind `corrupt` when it is none. For files of the machine's owner, not of strangers. */
export function parseYaml(text: string, what: string): unknown {
  try {
    return YAML.parse(text);
  } catch (cause) {
    throw corrupt(`${what} is not valid YAML: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
