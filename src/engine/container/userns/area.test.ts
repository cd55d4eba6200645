import { describe, expect, test } from 'bun:test';
import { chooseArea, parseRange } from './area.ts';

const nothing = { users: '', groups: '' };

describe('the ids of the host for containers', () => {
  test('are those of the setting', () => {
    expect(chooseArea('200000:131072', nothing)).toEqual([{ first: 200_000, count: 131_072 }]);
  });

  test('are refused when the administrator gave them to somebody', () => {
    const given = { users: 'anna:100000:65536\n', groups: 'anna:265536:65536\n' };
    expect(() => chooseArea('165000:65536', given)).toThrow('gives to anna');
    expect(() => chooseArea('265000:65536', given)).toThrow('265536:65536');
    expect(chooseArea('165536:65536', given)).toHaveLength(1);
  });

  test('are those that silo was given in both files', () => {
    const given = { users: 'silo:300000:200000\n', groups: 'silo:350000:200000\nanna:100000:65536\n' };
    expect(chooseArea(undefined, given)).toEqual([{ first: 350_000, count: 150_000 }]);
    expect(() => chooseArea(undefined, { users: 'silo:1000000:65536\n', groups: '' })).toThrow(
      'the same in both',
    );
  });

  test('are otherwise a place of their own without what others were given', () => {
    const [whole] = chooseArea(undefined, nothing);
    expect(whole).toEqual({ first: 0x4000_0000, count: 0x3f00_0000 });
    const taken = { users: `anna:${0x4000_0000 + 65_536}:100\nnonsense\n#x:1:2\n`, groups: '' };
    expect(chooseArea(undefined, taken)).toEqual([
      { first: 0x4000_0000, count: 65_536 },
      { first: 0x4002_0000, count: 0x3f00_0000 - 0x2_0000 },
    ]);
    expect(chooseArea(undefined, { users: 'anna:0:4294967295', groups: '' })).toEqual([]);
  });

  test.each([
    ['', 'FIRST:COUNT'],
    ['100000', 'FIRST:COUNT'],
    ['-1:65536', 'FIRST:COUNT'],
    ['100000:65535', '65536 ids or more'],
    ['1000:65536', 'begin at 65536'],
    ['4294930000:65536', 'after the last id'],
    ['99999999999:65536', 'FIRST:COUNT'],
  ])('%p is refused, with the reason', (text, reason) => {
    expect(() => parseRange(text)).toThrow(reason);
  });
});
