import { expect, test } from 'bun:test';
import { checkLogConfig, mergeLogConfig, toLogLimits } from './log-config.ts';

const totals = { totalBytes: 100 << 20 };

test.each([
  ['foo', {}, 'error looking up logging plugin foo: plugin "foo" not found'],
  ['json-file', { a: 'b' }, "unknown log opt 'a' for json-file log driver"],
  ['local', { a: 'b' }, "unknown log opt 'a' for log driver local"],
  ['json-file', { 'max-size': 'x' }, "invalid size: 'x'"],
  ['local', { 'max-size': 'x' }, "invalid value for max-size: invalid size: 'x'"],
  ['json-file', { 'max-file': '0' }, 'max-file cannot be less than 1'],
  [
    'json-file',
    { compress: 'true', 'max-size': '1m' },
    'compress cannot be true when max-file is less than 2',
  ],
  ['local', { compress: 'perhaps' }, 'strconv.ParseBool: parsing "perhaps": invalid syntax'],
  ['local', { mode: 'odd' }, 'logger: logging mode not supported: odd'],
  ['local', { 'max-buffer-size': '1m' }, "only supported with 'mode=non-blocking'"],
  ['local', { mode: 'non-blocking', 'max-buffer-size': 'x' }, 'error parsing option max-buffer-size'],
  ['local', { 'labels-regex': '(a+)+$' }, 'error parsing regexp'],
])('%s with %j is refused', (driver, options: Record<string, string>, words) => {
  expect(() => checkLogConfig({ driver, options })).toThrow(words);
});

test('what Docker documents is accepted', () => {
  const files = { 'max-size': '10m', 'max-file': '3', compress: 'true' };
  const shown = { labels: 'a,b', 'labels-regex': '^(x|y)', env: 'E', 'env-regex': '^F', tag: '{{.Name}}' };
  const buffered = { mode: 'non-blocking', 'max-buffer-size': '4m' };
  for (const driver of ['json-file', 'local'])
    checkLogConfig({ driver, options: { ...files, ...shown, ...buffered } });
  checkLogConfig({ driver: 'none', options: { whatever: '1' } });
});

test('without options the total is divided; with them they count, in the units of the driver', () => {
  expect(toLogLimits({ driver: 'local', options: {} }, totals)).toEqual({
    fileBytes: 20 << 20,
    monitorBytes: 50 << 20,
    files: 5,
    compress: true,
  });
  const options = { 'max-size': '10m', 'max-file': '3' };
  expect(toLogLimits({ driver: 'json-file', options }, totals)).toMatchObject({ fileBytes: 10e6, files: 3 });
  expect(toLogLimits({ driver: 'local', options }, totals)).toMatchObject({ fileBytes: 10 << 20, files: 3 });
  expect(toLogLimits({ driver: 'json-file', options: { 'max-size': '1m' } }, totals).files).toBe(1);
});

test('settings of the engine apply to its own driver only', () => {
  const defaults = { driver: 'local', options: { 'max-size': '1m', 'max-file': '2' } };
  expect(mergeLogConfig({ driver: '', options: { 'max-file': '3' } }, defaults)).toEqual({
    driver: 'local',
    options: { 'max-size': '1m', 'max-file': '3' },
  });
  expect(mergeLogConfig({ driver: 'json-file', options: {} }, defaults)).toEqual({
    driver: 'json-file',
    options: {},
  });
});
