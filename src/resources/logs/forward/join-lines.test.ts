import { expect, test } from 'bun:test';
import type { LogEntry } from '../logs.ts';
import { closeLines, joinLines, type OpenLines } from './join-lines.ts';

const entry = (stream: LogEntry['stream'], time: string, text: string): LogEntry => ({
  stream,
  time,
  text: Buffer.from(text),
});
const show = ({ stream, time, text }: LogEntry): string =>
  `${stream} ${time} ${Buffer.from(text).toString()}`;

test('parts of a line are one line with the first time, each stream for itself and across pieces', () => {
  const first = joinLines(
    [entry('stdout', '1', 'a'), entry('stderr', '2', 'x\n'), entry('stdout', '3', 'b')],
    {},
  );
  expect(first.lines.map(show)).toEqual(['stderr 2 x\n']);
  const second = joinLines([entry('stdout', '4', '\n'), entry('stderr', '5', 'end')], first.open);
  expect(second.lines.map(show)).toEqual(['stdout 1 ab\n']);
  expect(closeLines(second.open).map(show)).toEqual(['stderr 5 end']);
});

test('a line without an end is cut', () => {
  let open: OpenLines = {};
  let lines = 0;
  for (let part = 0; part < 10; part++) {
    const joined = joinLines([entry('stdout', '1', 'x'.repeat(8192))], open);
    lines += joined.lines.length;
    open = joined.open;
  }
  expect(lines).toBe(5);
});
