import { invalid } from '../../../foundation/base/errors.ts';

const defaultDetachKeys = 'ctrl-p,ctrl-q';

const named: Record<string, number> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31, '?': 127 };

/** Reads `ctrl-p,ctrl-q`, `a,b,ctrl-c`; the keys as bytes. */
export function parseDetachKeys(text: string): Buffer {
  return Buffer.from((text === '' ? defaultDetachKeys : text).split(',').map(parseKey));
}

function parseKey(key: string): number {
  if (key.length === 1) return key.charCodeAt(0);
  const letter = /^ctrl-(.)$/.exec(key)?.[1];
  const code =
    letter === undefined ? undefined : /[a-z]/.test(letter) ? letter.charCodeAt(0) - 96 : named[letter];
  if (code === undefined)
    throw invalid(`Invalid escape keys (${key}) provided`, {
      hint: 'keys are single characters or ctrl- with one of a-z @ [ \\ ] ^ _ ?, with commas between',
    });
  return code;
}

export interface DetachScanner {
  /** What may be sent on. A sequence that has begun is held back until it is complete or broken. */
  push(chunk: Buffer): { forward: Buffer; detached: boolean };
}

export function createDetachScanner(keys: Buffer): DetachScanner {
  let matched = 0;
  return {
    push(chunk) {
      const forward: number[] = [];
      for (const byte of chunk) {
        if (byte !== keys[matched]) {
          forward.push(...keys.subarray(0, matched));
          matched = byte === keys[0] ? 1 : 0;
          if (matched === 0) forward.push(byte);
        } else matched++;
        if (matched === keys.length) return { forward: Buffer.from(forward), detached: true };
      }
      return { forward: Buffer.from(forward), detached: false };
    },
  };
}
