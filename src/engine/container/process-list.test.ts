import { expect, test } from 'bun:test';
import type { ProcessFacts } from './process-facts.ts';
import { formatProcesses } from './process-list.ts';

const facts: ProcessFacts = {
  pid: 8643,
  parent: 8619,
  user: 0,
  startedSeconds: 1,
  cpuSeconds: 79,
  terminal: '?',
  command: 'sh -c while :; do :; done',
  name: 'sh',
  state: 'R',
  residentKib: 1580,
  virtualKib: 2268,
  group: 8643,
  session: 8643,
  foreground: -1,
  flags: 0x400100,
  priority: 20,
  nice: 0,
  threads: 1,
  processor: 1,
};
const titles = (options: string): string => formatProcesses([], options.split(' ')).titles.join(' ');

/** As procps' ps answers, asked through a real Docker. */
test.each([
  ['-ef', 'UID PID PPID C STIME TTY TIME CMD'],
  ['-f', 'UID PID PPID C STIME TTY TIME CMD'],
  ['aux', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
  ['-aux', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
  ['auxww', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
  ['u', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
  ['ax', 'PID TTY STAT TIME COMMAND'],
  ['x', 'PID TTY STAT TIME COMMAND'],
  ['-e', 'PID TTY TIME CMD'],
  ['-A', 'PID TTY TIME CMD'],
  ['-eF', 'UID PID PPID C SZ RSS PSR STIME TTY TIME CMD'],
  ['-l', 'F S UID PID PPID C PRI NI ADDR SZ WCHAN TTY TIME CMD'],
  ['l', 'F UID PID PPID PRI NI VSZ RSS WCHAN STAT TTY TIME COMMAND'],
  ['j', 'PPID PID PGID SID TTY TPGID STAT UID TIME COMMAND'],
  ['-o pid,cmd', 'PID CMD'],
  ['-eo pid,comm', 'PID COMMAND'],
  ['axo pid,user', 'PID USER'],
  ['-o pid -o ppid', 'PID PPID'],
  ['-opid,rss', 'PID RSS'],
  ['-eo pid,ppid,%cpu,rss,args --sort=pid', 'PID PPID %CPU RSS COMMAND'],
])('ps %s has the columns %s', (options, expected) => {
  expect(titles(options)).toBe(expected);
});

test.each([
  ['-o cmd', "Couldn't find PID field in ps output"],
  ['-o pid=P,cmd', "Couldn't find PID field in ps output"],
  ['-o bad', 'ps: error: unknown user-defined format specifier "bad"'],
  ['-o constructor', 'unknown user-defined format specifier'],
  ['-ef --sort=bad', 'unknown sort specifier'],
  ['-C foo', 'not supported'],
  ['--forest', 'not supported'],
  ['-', 'not supported'],
  ['-o', 'not supported'],
])('ps %s is refused: %s', (options, message) => {
  expect(() => titles(options)).toThrow(message);
});

test('values are written as ps writes them', () => {
  const show = (options: string): string[] => formatProcesses([facts], options.split(' ')).processes[0] ?? [];
  expect(show('-l').slice(0, 12)).toEqual([
    '4',
    'R',
    '0',
    '8643',
    '8619',
    show('-l')[5] ?? '',
    '80',
    '0',
    '-',
    '567',
    '-',
    '?',
  ]);
  expect(show('l').slice(4, 10)).toEqual(['20', '0', '2268', '1580', '-', 'Rs']);
  expect(show('j').slice(0, 9)).toEqual(['8619', '8643', '8643', '8643', '?', '-1', 'Rs', '0', '1:19']);
  expect(show('-o pid,time,nlwp,psr')).toEqual(['8643', '00:01:19', '1', '1']);
});

test('--sort orders by columns, the largest first with a minus', () => {
  const processes = [
    { ...facts, pid: 1, residentKib: 5 },
    { ...facts, pid: 2, residentKib: 50 },
    { ...facts, pid: 3, residentKib: 5 },
  ];
  const order = (sort: string): string[] =>
    formatProcesses(processes, ['-eo', 'pid,rss', `--sort=${sort}`]).processes.map(([pid]) => pid ?? '');
  expect(order('rss')).toEqual(['1', '3', '2']);
  expect(order('-rss,-pid')).toEqual(['2', '3', '1']);
});
