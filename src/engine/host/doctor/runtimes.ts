import { findProgram } from '../host-facts.ts';
import type { Findings } from './finding.ts';
import { holesOf, type KnownHole } from './known-holes.ts';
import { mendedByPackage } from './package-changelog.ts';
import { describeProgram, formatVersion, type Version } from './program-version.ts';

const programs: { name: string; purpose: string; needed: boolean }[] = [
  { name: 'crun', purpose: 'the default OCI runtime', needed: true },
  { name: 'conmon', purpose: 'the monitor of each container', needed: true },
  { name: 'runc', purpose: 'the runtime of `--runtime runc`', needed: false },
];

/** The programs that run containers: there, and without holes that Silo does not close. */
export async function checkRuntimes(): Promise<Findings> {
  return (await Promise.all(programs.map(checkProgram))).flat();
}

async function checkProgram({ name, purpose, needed }: (typeof programs)[number]): Promise<Findings> {
  const path = findProgram(name);
  if (path === undefined)
    return needed
      ? [
          {
            status: 'problem',
            title: `${name} is not installed`,
            why: `It is ${purpose}.`,
            fix: [`apt-get install --no-install-recommends ${name}`],
          },
        ]
      : [];
  const { version } = await describeProgram(path);
  if (!version)
    return [
      {
        status: 'problem',
        title: `${path} does not tell its version`,
        why: `It is ${purpose}, and does not start.`,
        fix: [`${path} --version`, `apt-get install --reinstall ${name}`],
      },
    ];
  return judge({ name, purpose, version }, await mendedByPackage(name));
}

/** Pure. `mended` is undefined when the package does not tell. */
export function judge(
  program: { name: string; purpose: string; version: Version },
  mended: ReadonlySet<string> | undefined,
): Findings {
  const { name, purpose } = program;
  const label = `${name} ${formatVersion(program.version)}`;
  const holes = holesOf(name, program.version).filter(({ id }) => !mended?.has(id));
  const open = holes.filter(({ guard }) => guard === undefined);
  const closed = holes.filter(({ guard }) => guard !== undefined);
  const findings: Findings = [];
  if (open.length > 0)
    findings.push({
      status: 'warning',
      title: `${label} has ${count(open, 'known hole')} that Silo cannot close`,
      why: `${open.map(({ id, what }) => `${id}: ${what}.`).join(' ')} ${
        mended === undefined
          ? 'The changelog of its package is not on this machine: it may be mended there.'
          : 'Its package does not say that it was mended.'
      }`,
      fix: [
        `apt-get update && apt-get install --only-upgrade ${name}`,
        `or pin a newer one: silo runtime install ${name} FOLDER`,
        ...(advice[name] ?? []),
      ],
    });
  if (closed.length > 0)
    findings.push({
      status: 'note',
      title: `${label} has ${count(closed, 'known hole')} that Silo closes`,
      why: closed.map(({ id, what, guard }) => `${id}: ${what}; ${guard}.`).join(' '),
    });
  if (findings.length === 0)
    findings.push({ status: 'ok', title: label, why: `It is ${purpose}, and has no known hole.` });
  return findings;
}

const advice: Record<string, string[]> = {
  runc: ['leave `--runtime runc` alone until then: the default runtime is crun'],
};

const count = (holes: readonly KnownHole[], noun: string): string =>
  `${holes.length} ${noun}${holes.length === 1 ? '' : 's'}`;
