import { invalid } from '../../../foundation/base/errors.ts';

/** ctrl-p ctrl-q */
export const defaultDetachKeys: Uint8Array = new Uint8Array([16, 17]);

/** `ctrl-p,ctrl-q`, `a`, `ctrl-[`…; empty text means no detaching. Docker's text when wrong. */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === '') return new Uint8Array();
  return new Uint8Array(
    text.split(',').map((key) => {
      const control = /^ctrl-([a-zA-Z@[\\\]^_])$/.exec(key);
      if (control?.[1]) return control[1].toUpperCase().charCodeAt(0) - 64;
      if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
      throw invalid(`Invalid detach keys (${text}) provided`, {
        code: 'invalid-detach-keys',
        hint: 'separate keys by commas; each is one character or ctrl- and one of a-z @ [ \\ ] ^ _',
      });
    }),
  );
}

/**
 * Finds the sequence in a stream of input. Bytes that might begin it are held back until the next byte decides; what is not part of it is
 * passed on in order.
 */
export function createDetachMatcher(
  keys: Uint8Array,
): (chunk: Uint8Array) => { pass: Uint8Array; detached: boolean } {
  let matched = 0;
  if (keys.length === 0) return (chunk) => ({ pass: chunk, detached: false });
  return (chunk) => {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === keys[matched]) {
        matched++;
        if (matched === keys.length) return { pass: new Uint8Array(pass), detached: true };
        continue;
      }
      pass.push(...keys.subarray(0, matched));
      matched = byte === keys[0] ? 1 : 0;
      if (matched === 0) pass.push(byte);
      else if (keys.length === 1) return { pass: new Uint8Array(pass), detached: true };
    }
    return { pass: new Uint8Array(pass), detached: false };
  };
}
