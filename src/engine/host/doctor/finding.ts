/** `ok`: as it should be. `note`: good to know. `warning`: something works worse than it could. `problem`: containers will not run. */
export type FindingStatus = 'ok' | 'note' | 'warning' | 'problem';

/** What a check found. */
export interface Finding {
  area: string;
  status: FindingStatus;
  /** One line: what is so. */
  title: string;
  /** Why it matters. */
  why: string;
  /** Commands to type, or sentences where no command helps. */
  fix?: string[];
}

/** The machine as the checks see it. */
export interface Subject {
  dataRoot: string;
  execRoot: string;
  bridge: string;
  isRoot: boolean;
  kernelRelease: string;
}

export interface Check {
  area: string;
  /** Left out, and said so, for other users. */
  needsRoot?: boolean;
  run(subject: Subject): Promise<Omit<Finding, 'area'>[]> | Omit<Finding, 'area'>[];
}

/** What one check returns. */
export type Findings = Omit<Finding, 'area'>[];
