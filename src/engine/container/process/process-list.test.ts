import { expect, test } from 'bun:test';
import type { ProcessFacts } from './process-facts.ts';
import { formatProcesses } from './process-list.ts';

const facts: ProcessFacts = {
  pid: 8643,
  thread: 8643,
  parent: 8619,
  user: 0,
  realUser: 0,
  userGroup: 0,
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
const list = (
  processes: ProcessFacts[],
  options: string,
  threads: ProcessFacts[] = [],
): ReturnType<typeof formatProcesses> =>
  formatProcesses(processes, options.split(' '), async ({ pid }) => threads.filter((one) => one.pid === pid));
const titles = async (options: string): Promise<string> => (await list([], options)).titles.join(' ');

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
  ['-o pid,comm=NAME', 'PID NAME'],
  ['axo pid,user', 'PID USER'],
  ['-o pid -o ppid', 'PID PPID'],
  ['-opid,rss', 'PID RSS'],
  ['-eo pid,ppid,%cpu,rss,args --sort=pid', 'PID PPID %CPU RSS COMMAND'],
  ['-eLf', 'UID PID PPID LWP C NLWP STIME TTY TIME CMD'],
  ['-eL', 'PID LWP TTY TIME CMD'],
  ['-eTf', 'UID PID SPID PPID C STIME TTY TIME CMD'],
  ['-eLF', 'UID PID PPID LWP C NLWP SZ RSS PSR STIME TTY TIME CMD'],
  ['-eLl', 'F S UID PID PPID LWP C PRI NI ADDR SZ WCHAN TTY TIME CMD'],
  ['-eLj', 'PID PGID SID LWP TTY TIME CMD'],
  ['-eTj', 'PID SPID PGID SID TTY TIME CMD'],
  ['-emf', 'UID PID PPID C STIME TTY TIME CMD'],
  ['axH', 'PID TTY STAT TIME COMMAND'],
  ['auxf', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
  ['axjf', 'PPID PID PGID SID TTY TPGID STAT UID TIME COMMAND'],
  ['-ef --forest', 'UID PID PPID C STIME TTY TIME CMD'],
  ['-efH', 'UID PID PPID C STIME TTY TIME CMD'],
  ['-ejf', 'UID PID PPID PGID SID C STIME TTY TIME CMD'],
  ['-elf', 'F S UID PID PPID C PRI NI ADDR SZ WCHAN STIME TTY TIME CMD'],
  ['-ely', 'S UID PID PPID C PRI NI RSS SZ WCHAN TTY TIME CMD'],
  ['-O pcpu', 'PID %CPU S TTY TIME COMMAND'],
  ['-eLo pid,tid,comm', 'PID TID COMMAND'],
  ['-ef --cols 200', 'UID PID PPID C STIME TTY TIME CMD'],
])('ps %s has the columns %s', async (options, expected) => {
  expect(await titles(options)).toBe(expected);
});

test.each([
  ['-o cmd', "Couldn't find PID field in ps output"],
  ['-o pid=P,cmd', "Couldn't find PID field in ps output"],
  ['-o bad', 'ps: error: unknown user-defined format specifier "bad"'],
  ['-o constructor', 'unknown user-defined format specifier'],
  ['-ef --sort=bad', 'unknown sort specifier'],
  ['-C foo', 'not supported'],
  ['axfm', 'thread display conflicts with forest display'],
  ['-eLm', 'thread display options conflict'],
  ['--ppid 1', 'not supported'],
  ['--help', 'not supported'],
  ['axe', 'not supported'],
  ['-', 'not supported'],
  ['-o', 'not supported'],
])('ps %s is refused: %s', async (options, message) => {
  const refusal = await titles(options).catch((error: unknown) => String(error));
  expect(refusal).toContain(message);
});

test('values are written as ps writes them', async () => {
  const show = async (options: string): Promise<string[]> =>
    (await list([facts], options)).processes[0] ?? [];
  const long = await show('-l');
  expect(long.slice(0, 12)).toEqual([
    '4',
    'R',
    '0',
    '8643',
    '8619',
    long[5] ?? '',
    '80',
    '0',
    '-',
    '567',
    '-',
    '?',
  ]);
  expect((await show('l')).slice(4, 10)).toEqual(['20', '0', '2268', '1580', '-', 'Rs']);
  expect((await show('j')).slice(0, 9)).toEqual([
    '8619',
    '8643',
    '8643',
    '8643',
    '?',
    '-1',
    'Rs',
    '0',
    '1:19',
  ]);
  expect(await show('-o pid,time,nlwp,psr')).toEqual(['8643', '00:01:19', '1', '1']);
});

test('--sort orders by columns, the largest first with a minus', async () => {
  const processes = [
    { ...facts, pid: 1, residentKib: 5 },
    { ...facts, pid: 2, residentKib: 50 },
    { ...facts, pid: 3, residentKib: 5 },
  ];
  const order = async (sort: string): Promise<string[]> =>
    (await list(processes, `-eo pid,rss --sort=${sort}`)).processes.map(([pid]) => pid ?? '');
  expect(await order('rss')).toEqual(['1', '3', '2']);
  expect(await order('-rss,-pid')).toEqual(['2', '3', '1']);
});

const family: ProcessFacts[] = [
  [10, 1, 'init'],
  [11, 10, 'a'],
  [12, 11, 'b'],
  [13, 12, 'c'],
  [14, 10, 'd'],
  [15, 14, 'e'],
  [16, 2, 'stray'],
].map(([pid, parent, command]) => ({
  ...facts,
  pid: Number(pid),
  thread: Number(pid),
  parent: Number(parent),
  command: String(command),
}));
const names = async (options: string): Promise<string[]> =>
  (await list(family, options)).processes.map(([, name]) => name ?? '');

test('a forest is drawn before the names, whoever came in from outside stands at its root', async () => {
  const drawn = ['init', ' \\_ a', ' |   \\_ b', ' |       \\_ c', ' \\_ d', '     \\_ e', 'stray'];
  expect(await names('-eo pid,args --forest')).toEqual(drawn);
  expect(await names('axfo pid,args')).toEqual(drawn);
  expect(await names('-eHo pid,args')).toEqual(['init', '  a', '    b', '      c', '  d', '    e', 'stray']);
  expect(await names('-eo pid,args --forest --sort=-pid')).toEqual([
    'stray',
    'init',
    ' \\_ d',
    ' |   \\_ e',
    ' \\_ a',
    '     \\_ b',
    '         \\_ c',
  ]);
});

test('a chain of thousands is drawn without end of memory or calls', async () => {
  const chain = Array.from({ length: 20_000 }, (_, index) => ({
    ...facts,
    pid: index + 10,
    parent: index + 9,
    command: 'x',
  }));
  const { processes } = await list(chain, '-eo pid,args --forest');
  expect(processes).toHaveLength(20_000);
  expect(processes.at(-1)?.[1]?.length).toBeLessThan(300);
});

test('threads have lines of their own, or lines below their process', async () => {
  const [process] = family;
  if (!process) throw new Error('a family has somebody');
  const threads = [
    { ...process, name: 'main', cpuSeconds: 1 },
    { ...process, thread: 99, name: 'worker', state: 'S', cpuSeconds: 2 },
  ];
  const show = async (options: string): Promise<string[][]> =>
    (await list([process], options, threads)).processes;
  expect(await show('-eLo pid,lwp,time,comm')).toEqual([
    ['10', '10', '00:00:01', 'main'],
    ['10', '99', '00:00:02', 'worker'],
  ]);
  expect(await show('axHo pid,args')).toEqual([
    ['10', 'init'],
    ['10', 'init'],
  ]);
  expect(await show('-emo pid,lwp,s,time,args')).toEqual([
    ['10', '-', '-', '00:01:19', 'init'],
    ['-', '10', 'R', '00:00:01', '-'],
    ['-', '99', 'S', '00:00:02', '-'],
  ]);
});
