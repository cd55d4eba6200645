/** `GET /silo/security`: items by their number in the CIS Docker Benchmark. */
export interface SecurityReportJson {
  /** Of the items that count, notes are not among them. */
  Passed: number;
  Counted: number;
  Findings: SecurityFindingJson[];
}

export interface SecurityFindingJson {
  Id: string;
  Title: string;
  /** `fail` gives a container the host, or everybody the engine. */
  Status: 'pass' | 'note' | 'warn' | 'fail';
  /** Those that it concerns; empty for the host, the engine, and where all is well. */
  Containers: string[];
  Why: string[];
  Fix: string[];
}

/** `GET /silo/containers/{id}/security`: what a container can reach. */
export interface ReachJson {
  Container: string;
  Preset: string;
  Running: boolean;
  Areas: { Area: string; Level: 'own' | 'some' | 'host'; Words: string[] }[];
  /** What would be needed to control the host. */
  Escape: string[];
}
