import { expect, test } from 'bun:test';
import { createLogPlace, type LogPlace, type LogPlaceOptions } from './log-place.ts';

const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000000005Z`;
const all: LogPlaceOptions = { timestamps: false, tailed: false, since: undefined };
const read = (place: LogPlace, text: string, size = text.length): string => {
  let printed = '';
  for (let start = 0; start < text.length; start += size)
    for (const part of place.push('stdout', Buffer.from(text.slice(start, start + size))))
      printed += Buffer.from(part).toString();
  return printed;
};
const lines = (...entries: [number, string][]): string =>
  entries.map(([second, text]) => `${at(second)} ${text}\n`).join('');

const log = lines([1, 'a'], [2, 'same'], [2, 'same'], [2, 'same too'], [3, ''], [4, 'e f'], [4, 'g']);
const text = 'a\nsame\nsame\nsame too\n\ne f\ng\n';

test('wherever a connection breaks, the next one continues with neither a gap nor a double, however the bytes are cut', () => {
  for (let cut = 0; cut <= log.length; cut++)
    for (const size of [1, 7, log.length]) {
      const place = createLogPlace(all);
      const first = read(place, log.slice(0, cut), size);
      place.restart();
      expect(first + read(place, log, size)).toBe(text);
    }
});

test('the next connection reads from the lines before those of the last time, as one may begin within a line', () => {
  const place = createLogPlace({ ...all, since: '7' });
  expect(place.restart()).toBe('7');
  read(place, lines([1, 'a']));
  expect(place.restart()).toBe('7');
  expect(read(place, lines([1, 'a'], [2, 'b']))).toBe('b\n');
  // A microsecond before the first line.
  expect(place.restart()).toBe(`${Date.parse('2026-01-02T03:04:00Z') / 1000}.999999005`);
});

test('after --tail the lines of its only time are left out as a whole', () => {
  const place = createLogPlace({ ...all, tailed: true });
  expect(read(place, lines([2, 'same too']))).toBe('same too\n');
  place.restart();
  expect(read(place, log)).toBe('\ne f\ng\n');
});

test('times are printed when they are wanted', () => {
  const place = createLogPlace({ ...all, timestamps: true });
  const first = read(place, log.slice(0, 90), 3);
  place.restart();
  expect(first + read(place, log, 3)).toBe(log);
});

test('a clock that was set back loses nothing', () => {
  const place = createLogPlace(all);
  read(place, lines([5, 'a']));
  place.restart();
  expect(read(place, lines([5, 'a'], [6, 'b'], [1, 'c']))).toBe('b\nc\n');
});
