import { type Column, columnsOf } from './process-columns.ts';

/** The layouts of ps(1) (procps), by the options that choose them. */
const layouts = {
  simple: 'pid,tty,time,comm=CMD',
  full: 'user=UID,pid,ppid,c,stime,tty,time,args=CMD',
  extraFull: 'user=UID,pid,ppid,c,sz,rss,psr,stime,tty,time,args=CMD',
  long: 'f,s,uid,pid,ppid,c,opri,ni,addr,sz,wchan,tty,time,comm=CMD',
  longFull: 'f,s,user=UID,pid,ppid,c,opri,ni,addr,sz,wchan,stime,tty,time,args=CMD',
  jobs: 'pid,pgid,sid,tty,time,comm=CMD',
  jobsFull: 'user=UID,pid,ppid,pgid,sid,c,stime,tty,time,args=CMD',
  bsd: 'pid,tty,stat,bsdtime,args',
  bsdUser: 'user,pid,pcpu,pmem,vsz,rss,tty,stat,start,bsdtime,args',
  bsdLong: 'f,uid,pid,ppid,priority,ni,vsz,rss,wchan,stat,tty,bsdtime,args',
  bsdJobs: 'ppid,pid,pgid,sid,tty,tpgid,stat,uid,bsdtime,args',
} as const;

export type Layout = Exclude<keyof typeof layouts, 'simple' | 'longFull' | 'jobsFull'>;

/** What stands around the columns of `-O`. */
const before = 'pid';
const after = 's,tty,time,args';

/** The columns of the options that were chosen; the last of several layouts counts, and a plain one gives way to each other. */
export function layoutColumns(chosen: ReadonlySet<string>, around: readonly Column[] | undefined): Column[] {
  if (around) return [...columnsOf(before), ...around, ...columnsOf(after)];
  const named = [...chosen].filter((word): word is Layout => Object.hasOwn(layouts, word) && word !== 'bsd');
  let layout: keyof typeof layouts = named.at(-1) ?? (chosen.has('bsd') ? 'bsd' : 'simple');
  if (chosen.has('full') && chosen.has('long')) layout = 'longFull';
  if (chosen.has('full') && chosen.has('jobs')) layout = 'jobsFull';
  let words: string[] = layouts[layout].split(',');
  if (layout === 'long' && chosen.has('noFlags'))
    words = words.filter((word) => word !== 'f').map((word) => (word === 'addr' ? 'rss' : word));
  if (chosen.has('spid')) words = withBehind(words, 'pid', 'spid');
  if (chosen.has('lwp')) {
    words = withBehind(words, ['ppid', 'sid', 'pid'].find((word) => words.includes(word)) ?? 'pid', 'lwp');
    if (layout === 'full' || layout === 'extraFull') words = withBehind(words, 'c', 'nlwp');
  }
  return columnsOf(words.join(','));
}

function withBehind(words: readonly string[], place: string, added: string): string[] {
  return words.flatMap((word) => (word === place ? [word, added] : [word]));
}
