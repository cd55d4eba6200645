import { invalid } from '../../../foundation/base/errors.ts';
import { type Column, columnsOf, findColumn } from './process-columns.ts';
import { type Layout, layoutColumns } from './ps-layouts.ts';

export interface PsOptions {
  columns: Column[];
  sortBy: { column: Column; isDescending: boolean }[];
  /** Children below their parents: drawn with branches, or only indented. */
  tree?: 'branches' | 'indented';
  /** A line for each thread, or such lines below the one of their process. */
  threads?: 'alone' | 'below';
}

type Choice = Layout | 'forest' | 'hierarchy' | 'lwp' | 'spid' | 'asProcesses' | 'below' | 'noFlags' | '';

/** Letters with a dash (UNIX) and without (BSD). Empty ones choose processes or widths: all of the container are shown in full. */
const unixLetters: Record<string, Choice> = {
  e: '',
  A: '',
  a: '',
  d: '',
  x: '',
  w: '',
  f: 'full',
  F: 'extraFull',
  l: 'long',
  j: 'jobs',
  y: 'noFlags',
  H: 'hierarchy',
  L: 'lwp',
  T: 'spid',
  m: 'below',
};
const bsdLetters: Record<string, Choice> = {
  a: 'bsd',
  x: 'bsd',
  w: 'bsd',
  T: 'bsd',
  u: 'bsdUser',
  l: 'bsdLong',
  j: 'bsdJobs',
  f: 'forest',
  H: 'asProcesses',
  m: 'below',
};

/** Widths: nothing is cut here. */
const widths = new Set(['cols', 'columns', 'width', 'lines', 'rows']);

/** Reads what users pass to `top` behind the container. Without words, or with some that only choose processes, the layout is the short one. */
export function parsePsOptions(words: readonly string[]): PsOptions {
  const rest = [...words];
  const own: Column[] = [];
  const sortBy: PsOptions['sortBy'] = [];
  const chosen = new Set<Choice>();
  let around: Column[] | undefined;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const long = /^--(\w[\w-]*)(?:=(.*))?$/s.exec(word);
    if (long) {
      const [, name = '', given] = long;
      if (name === 'forest') {
        chosen.add('forest');
        continue;
      }
      const value = given ?? rest.shift() ?? '';
      if (name === 'sort') sortBy.push(...parseSort(value));
      else if (name === 'format') own.push(...columnsOf(value));
      else if (!widths.has(name)) throw unknown(words);
      continue;
    }
    const isUnix = word.startsWith('-');
    // As ps itself takes it: no user is called x.
    const isBsd = !isUnix || /^-a?u?x$|^-aux?[wf]*$/.test(word);
    const letters = isBsd ? bsdLetters : unixLetters;
    const cluster = word.replace(/^-/, '');
    if (cluster === '') throw unknown(words);
    for (let at = 0; at < cluster.length; at++) {
      const letter = cluster.charAt(at);
      if (letter === 'o' || letter === 'O' || (letter === 'k' && isBsd)) {
        const list = cluster.slice(at + 1) || rest.shift();
        if (list === undefined) throw unknown(words);
        if (letter === 'k') sortBy.push(...parseSort(list));
        else if (letter === 'o') own.push(...columnsOf(list));
        else around = columnsOf(list);
        if (isBsd) chosen.add('bsd');
        break;
      }
      if (!Object.hasOwn(letters, letter)) throw unknown(words);
      chosen.add(isBsd ? 'bsd' : '').add(letters[letter] ?? '');
    }
  }
  return { ...shapeOf(chosen), columns: own.length > 0 ? own : layoutColumns(chosen, around), sortBy };
}

function shapeOf(chosen: ReadonlySet<Choice>): Pick<PsOptions, 'tree' | 'threads'> {
  const alone = chosen.has('lwp') || chosen.has('spid') || chosen.has('asProcesses');
  const below = chosen.has('below');
  const tree = chosen.has('forest') ? 'branches' : chosen.has('hierarchy') ? 'indented' : undefined;
  if (alone && below) throw refused('thread display options conflict');
  if (tree === 'branches' && (alone || below)) throw refused('thread display conflicts with forest display');
  return {
    ...(tree ? { tree } : {}),
    ...(alone ? { threads: 'alone' } : below ? { threads: 'below' } : {}),
  };
}

/** `-pcpu,+pid` */
function parseSort(list: string): PsOptions['sortBy'] {
  return list.split(',').map((word) => {
    const column = findColumn(word.replace(/^[+-]/, ''));
    if (!column) throw refused('unknown sort specifier');
    return { column, isDescending: word.startsWith('-') };
  });
}

function refused(why: string): Error {
  return invalid(`ps: error: ${why}`, { code: 'invalid-ps-options' });
}

function unknown(words: readonly string[]): Error {
  return invalid(`ps options "${words.join(' ').slice(0, 200)}" are not supported`, {
    code: 'invalid-ps-options',
    hint: 'use -ef, -eF, -el, -eLf, aux, axf, --forest, or -o with columns such as pid,user,args, and --sort',
  });
}
