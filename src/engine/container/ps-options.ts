import { invalid } from '../../foundation/base/errors.ts';
import { type Column, columnsOf, findColumn } from './process-columns.ts';

export interface PsOptions {
  columns: Column[];
  sortBy: { column: Column; isDescending: boolean }[];
}

/** The layouts of ps(1) (procps), by the options that choose them. */
const layouts = {
  simple: 'pid,tty,time,comm=CMD',
  full: 'user=UID,pid,ppid,c,stime,tty,time,args=CMD',
  extraFull: 'user=UID,pid,ppid,c,sz,rss,psr,stime,tty,time,args=CMD',
  long: 'f,s,uid,pid,ppid,c,opri,ni,addr,sz,wchan,tty,time,comm=CMD',
  jobs: 'pid,pgid,sid,tty,time,comm=CMD',
  bsd: 'pid,tty,stat,bsdtime,args',
  bsdUser: 'user,pid,pcpu,pmem,vsz,rss,tty,stat,start,bsdtime,args',
  bsdLong: 'f,uid,pid,ppid,priority,ni,vsz,rss,wchan,stat,tty,bsdtime,args',
  bsdJobs: 'ppid,pid,pgid,sid,tty,tpgid,stat,uid,bsdtime,args',
} as const;

/** Letters with a dash (UNIX) and without (BSD). Empty ones choose processes or widths: all of the container are shown in full. */
const unixLetters: Record<string, keyof typeof layouts | ''> = {
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
};
const bsdLetters: Record<string, keyof typeof layouts> = {
  a: 'bsd',
  x: 'bsd',
  w: 'bsd',
  u: 'bsdUser',
  l: 'bsdLong',
  j: 'bsdJobs',
};

/** Reads what users pass to `top` behind the container. Without words, or with some that only choose processes, the layout is the short one. */
export function parsePsOptions(words: readonly string[]): PsOptions {
  const rest = [...words];
  const own: Column[] = [];
  const sortBy: PsOptions['sortBy'] = [];
  let layout: keyof typeof layouts | undefined;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const long = /^--(\w[\w-]*)(?:=(.*))?$/s.exec(word);
    if (long) {
      const value = long[2] ?? rest.shift() ?? '';
      if (long[1] === 'sort') sortBy.push(...parseSort(value));
      else if (long[1] === 'format') own.push(...columnsOf(value));
      else throw unknown(words);
      continue;
    }
    const isUnix = word.startsWith('-');
    // As ps itself takes it: no user is called x.
    const isBsd = !isUnix || /^-a?u?x$|^-aux?w*$/.test(word);
    const letters = isBsd ? bsdLetters : unixLetters;
    const cluster = word.replace(/^-/, '');
    for (let at = 0; at < cluster.length; at++) {
      const letter = cluster.charAt(at);
      if (letter === 'o') {
        const list = cluster.slice(at + 1) || rest.shift();
        if (list === undefined) throw unknown(words);
        own.push(...columnsOf(list));
        break;
      }
      if (!Object.hasOwn(letters, letter)) throw unknown(words);
      const chosen = letters[letter] ?? '';
      if (chosen !== '' && (chosen !== 'bsd' || layout === undefined)) layout = chosen;
    }
    if (cluster === '') throw unknown(words);
  }
  return { columns: own.length > 0 ? own : columnsOf(layouts[layout ?? 'simple']), sortBy };
}

/** `-pcpu,+pid` */
function parseSort(list: string): PsOptions['sortBy'] {
  return list.split(',').map((word) => {
    const column = findColumn(word.replace(/^[+-]/, ''));
    if (!column) throw invalid(`ps: error: unknown sort specifier`, { code: 'invalid-ps-options' });
    return { column, isDescending: word.startsWith('-') };
  });
}

function unknown(words: readonly string[]): Error {
  return invalid(`ps options "${words.join(' ').slice(0, 200)}" are not supported`, {
    code: 'invalid-ps-options',
    hint: 'use -ef, -eF, -el, aux, ax, or -o with columns such as pid,user,args, and --sort',
  });
}
