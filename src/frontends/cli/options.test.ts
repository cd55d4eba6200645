import { describe, expect, test } from 'bun:test';
import type { OptionTable } from './command.ts';
import { parseOptions } from './options.ts';

const table = {
  all: { kind: 'bool', short: 'a', summary: '' },
  detach: { kind: 'bool', short: 'd', summary: '' },
  proxy: { kind: 'bool', default: true, summary: '' },
  env: { kind: 'list', short: 'e', summary: '' },
  subnet: { kind: 'strings', summary: '' },
  name: { kind: 'string', summary: '' },
  last: { kind: 'int', short: 'n', default: -1, summary: '' },
  memory: { kind: 'bytes', short: 'm', summary: '' },
  cpus: { kind: 'decimal', summary: '' },
  wait: { kind: 'duration', summary: '' },
  weight: { kind: 'uint16', summary: '' },
  filter: { kind: 'filter', short: 'f', summary: '' },
} as const satisfies OptionTable;

describe('options', () => {
  const good: [string, string[], Record<string, unknown>, string[]?][] = [
    ['defaults', [], { all: false, proxy: true, env: [], name: '', last: -1, memory: 0 }],
    ['long with space and equals', ['--name', 'a', '--last=3'], { name: 'a', last: 3 }],
    ['shorts together, the last with a value', ['-adn', '5'], { all: true, detach: true, last: 5 }],
    ['a short with its value attached', ['-n5', '-m64m'], { last: 5, memory: 64 << 20 }],
    ['a short with equals', ['-n=5', '-a=false'], { last: 5, all: false }],
    [
      'a switch takes a value only behind equals',
      ['--proxy=false', '--all', 'x'],
      { proxy: false, all: true },
      ['x'],
    ],
    [
      'lists grow, commas divide strings',
      ['-e', 'A=1,2', '-eB', '--subnet', 'a,b', '--subnet=c'],
      { env: ['A=1,2', 'B'], subnet: ['a', 'b', 'c'] },
    ],
    ['an empty value', ['--name=', '--name', ''], { name: '' }],
    ['arguments between options', ['x', '-a', 'y'], { all: true }, ['x', 'y']],
    [
      'two dashes end the options',
      ['-a', '--', '-d', '--name'],
      { all: true, detach: false },
      ['-d', '--name'],
    ],
    ['one dash is an argument', ['-'], {}, ['-']],
    ['a value that looks like an option', ['--name', '--all'], { name: '--all', all: false }],
    ['billionths and nanoseconds', ['--cpus', '1.5', '--wait', '1m30s'], { cpus: 1.5e9, wait: 90e9 }],
  ];
  for (const [name, words, values, args] of good)
    test(name, () => {
      const parsed = parseOptions(words, table);
      expect(parsed.values).toMatchObject(values);
      expect(parsed.args).toEqual(args ?? []);
    });

  test('with options first, the first argument ends them', () => {
    const parsed = parseOptions(['-a', 'image', '-d', '--name', 'x'], table, { optionsFirst: true });
    expect(parsed.values).toMatchObject({ all: true, detach: false, name: '' });
    expect(parsed.args).toEqual(['image', '-d', '--name', 'x']);
  });

  test('what was given is known apart from its value', () => {
    expect([...parseOptions(['--all=false', '--last', '-1'], table).given]).toEqual(['all', 'last']);
  });

  test('help is asked for by --help and -h', () => {
    expect(parseOptions(['--help'], table).help).toBe(true);
    expect(parseOptions(['-h'], table).help).toBe(true);
    expect(parseOptions(['--help=false'], table).help).toBe(false);
  });

  const bad: [string[], string][] = [
    [['--nope'], 'unknown flag: --nope'],
    [['--constructor'], 'unknown flag: --constructor'],
    [['-az'], "unknown shorthand flag: 'z' in -z"],
    [['--name'], 'flag needs an argument: --name'],
    [['-n'], "flag needs an argument: 'n' in -n"],
    [['--=x'], 'bad flag syntax: --=x'],
    [['---x'], 'bad flag syntax: ---x'],
    [
      ['--all=maybe'],
      'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [['-nx'], 'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [['-m', '5q'], 'invalid argument "5q" for "-m, --memory" flag: invalid suffix: \'q\''],
    [['--cpus', 'abc'], 'invalid argument "abc" for "--cpus" flag: failed to parse abc as a rational number'],
    [
      ['--weight', '70000'],
      'invalid argument "70000" for "--weight" flag: strconv.ParseUint: parsing "70000": value out of range',
    ],
    [['-f', 'x'], 'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected name=value)'],
  ];
  for (const [words, message] of bad)
    test(`${words.join(' ')} is refused`, () => {
      expect(() => parseOptions(words, table)).toThrow(message);
    });
});
