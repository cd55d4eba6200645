/** `pass` and `note` are well; a `warn` costs points; a `fail` lets a container have the host, or everybody the engine. */
export type VerdictStatus = 'pass' | 'note' | 'warn' | 'fail';

export interface Verdict {
  status: VerdictStatus;
  /** Why it matters, or why it is well. */
  why: string;
  fix?: string[];
}

/** One item of the CIS Docker Benchmark 1.6 by its number, in our words; without a number where it has none for what we look at. */
export interface Item<Facts> {
  id: string;
  title: string;
  /** undefined where it does not apply. */
  judge: (facts: Facts) => Verdict | undefined;
}

export const pass = (why: string): Verdict => ({ status: 'pass', why });
export const note = (why: string, ...fix: string[]): Verdict => ({ status: 'note', why, fix });
export const warn = (why: string, ...fix: string[]): Verdict => ({ status: 'warn', why, fix });
export const fail = (why: string, ...fix: string[]): Verdict => ({ status: 'fail', why, fix });
