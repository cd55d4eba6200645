import { toSiloError } from '../../../foundation/base/errors.ts';
import { describe, expect, test } from 'bun:test';
import { progressText } from './progress.ts';
import { displayPorts } from './ports.ts';
import { formatRows } from './rows.ts';
import { alignTabs } from './tabs.ts';
import { ellipsis, quote, shortId, visible } from './text.ts';
import { formatAge, formatBinarySize, formatSize } from './units.ts';

describe('tables', () => {
  test('columns are at least ten wide and three apart, the last is left alone', () => {
    expect(alignTabs('ID\tNAME\tLAST\nabcdefghijkl\tx\ty')).toBe(
      'ID             NAME      LAST\nabcdefghijkl   x         y',
    );
  });

  test('characters are counted, not bytes', () => {
    expect(alignTabs('äöü…\tx\nabcdefgh\ty')).toBe('äöü…       x\nabcdefgh   y');
  });

  test('a line without the column divides it into blocks', () => {
    expect(alignTabs('a\tb\nplain\nlonger than ten\tb')).toBe('a         b\nplain\nlonger than ten   b');
  });
});

describe('rows', () => {
  const shape = { headers: { ID: 'CONTAINER ID', Name: 'NAMES' }, table: '{{.ID}}\t{{.Name}}' };
  const rows = [
    { Name: 'web', ID: '1', Label: (name: unknown) => `<${String(name)}>` },
    { Name: 'db', ID: '2', Label: () => '' },
  ];

  test('without a format a table is shown, with its head even when empty', () => {
    expect(formatRows(rows, '', shape)).toBe('CONTAINER ID   NAMES\n1              web\n2              db\n');
    expect(formatRows([], 'table', shape)).toBe('CONTAINER ID   NAMES\n');
  });

  test('a template is used for each row; escapes of the shell are understood', () => {
    expect(formatRows(rows, '{{.Name}}\\t{{.ID}}', shape)).toBe('web\t1\ndb\t2\n');
    expect(formatRows(rows, 'table {{.Name}}\\t{{.Label "a.b-c"}}', shape)).toBe(
      'NAMES     b c\nweb       <a.b-c>\ndb        \n',
    );
  });

  test('json has the words in order and no methods', () => {
    expect(formatRows(rows, 'json', shape)).toBe('{"ID":"1","Name":"web"}\n{"ID":"2","Name":"db"}\n');
  });

  test('mistakes are told as Docker tells them', () => {
    expect(() => formatRows(rows, '{{.ID', shape)).toThrow(
      'failed to parse template: template: :1: unclosed action',
    );
    expect(() => formatRows(rows, '{{.Nope}}', shape)).toThrow('failed to execute template');
    expect(hintOf(() => formatRows(rows, '{{.Nope}}', shape))).toStartWith('words here: .');
  });
});

describe('units', () => {
  const sizes: [number, string][] = [
    [0, '0B'],
    [999, '999B'],
    [1000, '1kB'],
    [1234, '1.23kB'],
    [4_261_502, '4.26MB'],
    [77_900_000, '77.9MB'],
    [133_000_000, '133MB'],
    [1_500_000_000, '1.5GB'],
  ];
  for (const [bytes, text] of sizes) test(`${bytes} bytes`, () => expect(formatSize(bytes)).toBe(text));
  test('four digits and multiples of 1024', () => {
    expect(formatSize(1_234_567, 4)).toBe('1.235MB');
    expect(formatBinarySize(8_204_206_080)).toBe('7.641GiB');
  });

  const second = 1000;
  const hour = 3600 * second;
  const ages: [number, string][] = [
    [400, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [60 * second, 'About a minute'],
    [46 * 60 * second, '46 minutes'],
    [hour, 'About an hour'],
    [2 * hour, '2 hours'],
    [47 * hour, '47 hours'],
    [49 * hour, '2 days'],
    [24 * 15 * hour, '2 weeks'],
    [24 * 65 * hour, '2 months'],
    [24 * 800 * hour, '2 years'],
  ];
  for (const [ms, text] of ages) test(text, () => expect(formatAge(ms)).toBe(text));
});

describe('ports', () => {
  const port = (IP: string, PrivatePort: number, PublicPort?: number, Type = 'tcp') => ({
    PrivatePort,
    Type,
    ...(IP === '' ? {} : { IP }),
    ...(PublicPort === undefined ? {} : { PublicPort }),
  });
  const table: [string, Parameters<typeof displayPorts>[0]][] = [
    ['', []],
    ['80/tcp', [port('', 80)]],
    ['80-82/tcp, 90/udp', [port('', 82), port('', 80), port('', 81), port('', 90, undefined, 'udp')]],
    ['0.0.0.0:80->80/tcp', [port('0.0.0.0', 80, 80)]],
    ['0.0.0.0:8080->80/tcp, [::]:8080->80/tcp', [port('::', 80, 8080), port('0.0.0.0', 80, 8080)]],
    ['0.0.0.0:80-81->80-81/tcp', [port('0.0.0.0', 80, 80), port('0.0.0.0', 81, 81)]],
  ];
  for (const [text, ports] of table) test(text || 'none', () => expect(displayPorts(ports)).toBe(text));
});

test('texts are cut and quoted', () => {
  expect(shortId('sha256:0123456789abcdef')).toBe('0123456789ab');
  expect(ellipsis('abcdef', 6)).toBe('abcdef');
  expect(ellipsis('abcdefg', 6)).toBe('abcde…');
  expect(quote('a "b"\n')).toBe('"a \\"b\\"\\n"');
  expect(visible('\u001b[2Jx\ty')).toBe('\\u001b[2Jx\ty');
});

test('progress shows a bar only where there is room', () => {
  expect(progressText({}, 200)).toBe('');
  expect(progressText({ current: 512 }, 200)).toBe('    512B');
  expect(progressText({ current: 50, total: 100 }, 80)).toBe('     50B/100B');
  expect(progressText({ current: 50, total: 100 }, 200)).toBe(
    `[${'='.repeat(25)}>${' '.repeat(25)}]      50B/100B`,
  );
});

function hintOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return toSiloError(error).hint ?? '';
  }
  return '';
}
