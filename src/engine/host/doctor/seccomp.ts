import { readFile } from 'node:fs/promises';
import { findProgram } from '../host-facts.ts';
import { describeProgram } from './program-version.ts';
import type { Findings } from './finding.ts';

const actionsFile = '/proc/sys/kernel/seccomp/actions_avail';

/** What the default profile answers with (seccomp(2)). */
const wanted = ['errno', 'allow'];

/** The kernel must filter, and the runtime must have been built to ask it. */
export async function checkSeccomp(): Promise<Findings> {
  const text = await readFile(actionsFile, 'utf8').catch(() => '');
  const actions = text.trim().split(/\s+/);
  if (!wanted.every((action) => actions.includes(action)))
    return [
      {
        status: 'warning',
        title: 'This kernel does not filter system calls (seccomp)',
        why: 'The default profile keeps containers from some 60 system calls that only attacks use; without it they can make them.',
        fix: ['boot a kernel with CONFIG_SECCOMP_FILTER, as all distributions build it'],
      },
    ];
  const crun = findProgram('crun');
  const features = crun === undefined ? '' : (await describeProgram(crun)).output;
  if (crun !== undefined && features !== '' && !features.includes('+SECCOMP'))
    return [
      {
        status: 'warning',
        title: `${crun} was built without seccomp`,
        why: 'It ignores the default profile.',
        fix: ["apt-get install --reinstall crun # the distribution's build has it"],
      },
    ];
  return [
    {
      status: 'ok',
      title: 'System calls can be filtered (seccomp)',
      why: `Actions of this kernel: ${actions.join(' ')}.`,
    },
  ];
}
