import type { ContainerQueries } from '../../container/container.ts';
import type { SecurityDefaults } from '../../container/spec/security.ts';
import { isRunning } from '../../container/state.ts';
import { containerItems, type ContainerSubject } from './container-items.ts';
import { gatherContainerFacts } from './container-facts.ts';
import { type HostSubject, hostItems } from './host-items.ts';
import { type Reach, reachOf } from './reach.ts';
import type { Verdict, VerdictStatus } from './verdict.ts';

/** What the engine finds about itself, its host and the containers that run. */
export interface SecurityAudit {
  report(): Promise<SecurityReport>;
  /** Not-found as `get` of containers. */
  reachOf(nameOrId: string): Promise<Reach>;
}

export interface SecurityReport {
  /** Of the items that count (neither notes nor what does not apply): how many are well. */
  passed: number;
  counted: number;
  findings: SecurityFinding[];
}

export interface SecurityFinding {
  id: string;
  title: string;
  status: VerdictStatus;
  /** The containers that are not as they should be; empty for the host, the engine, and where all is well. */
  containers: string[];
  /** Each once. */
  why: string[];
  fix: string[];
}

export interface AuditDeps {
  containers: Pick<ContainerQueries, 'get' | 'list' | 'networkOf' | 'top'>;
  security: SecurityDefaults;
  engineFolders: readonly string[];
  host: () => Promise<HostSubject>;
}

export function createSecurityAudit(deps: AuditDeps): SecurityAudit {
  const { containers, security, engineFolders } = deps;
  return {
    async report() {
      const running = containers
        .list()
        .filter(({ state }) => isRunning(state))
        .toSorted((one, other) => (one.name < other.name ? -1 : 1));
      const host = await deps.host();
      const subjects: ContainerSubject[] = [];
      for (const record of running)
        subjects.push({
          facts: await gatherContainerFacts(record, deps),
          engineFolders,
          appArmor: security.appArmor,
          seLinux: security.seLinux,
        });
      return toReport([...judgeHost(host), ...judgeContainers(subjects)]);
    },
    async reachOf(nameOrId) {
      return reachOf(await gatherContainerFacts(containers.get(nameOrId), deps), engineFolders);
    },
  };
}

export function judgeHost(host: HostSubject): SecurityFinding[] {
  return hostItems.flatMap(({ id, title, judge }) => {
    const verdict = judge(host);
    return verdict === undefined ? [] : [toFinding({ id, title }, [['', verdict]])];
  });
}

/** One finding per item; one that no container is subject to is left out. */
export function judgeContainers(subjects: readonly ContainerSubject[]): SecurityFinding[] {
  return containerItems.flatMap(({ id, title, judge }) => {
    const verdicts = subjects.flatMap((subject): [string, Verdict][] => {
      const verdict = judge(subject);
      return verdict === undefined ? [] : [[subject.facts.name, verdict]];
    });
    return verdicts.length === 0 ? [] : [toFinding({ id, title }, verdicts)];
  });
}

const order: readonly VerdictStatus[] = ['pass', 'note', 'warn', 'fail'];

/** The worst counts, and what is told is about those that are not well. */
function toFinding(
  { id, title }: { id: string; title: string },
  verdicts: readonly [container: string, verdict: Verdict][],
): SecurityFinding {
  const status = order.findLast((each) => verdicts.some(([, verdict]) => verdict.status === each)) ?? 'pass';
  const told = status === 'pass' ? verdicts : verdicts.filter(([, verdict]) => verdict.status !== 'pass');
  return {
    id,
    title,
    status,
    containers: status === 'pass' ? [] : told.map(([name]) => name).filter((name) => name !== ''),
    why: [...new Set(told.map(([, { why }]) => why))],
    fix: [...new Set(told.flatMap(([, { fix = [] }]) => fix))],
  };
}

function toReport(findings: SecurityFinding[]): SecurityReport {
  const counted = findings.filter(({ status }) => status !== 'note');
  return {
    passed: counted.filter(({ status }) => status === 'pass').length,
    counted: counted.length,
    findings,
  };
}
