import { heldCapabilities } from '../host-facts.ts';
import type { Findings } from './finding.ts';

const forMounts = 'mounts and namespaces cannot be made';
/** What the engine cannot do without each (capabilities(7)). */
const essential: Record<string, string> = {
  CAP_SYS_ADMIN: forMounts,
  CAP_NET_ADMIN: 'networks and published ports cannot be made',
  CAP_CHOWN: 'image layers cannot be unpacked with their owners',
  CAP_DAC_OVERRIDE: 'image layers cannot be unpacked',
  CAP_FOWNER: 'image layers cannot be unpacked with their modes',
  CAP_MKNOD: 'deleted files of image layers cannot be marked',
  CAP_SETUID: 'containers cannot change users',
  CAP_SETGID: 'containers cannot change groups',
  CAP_SETPCAP: 'containers cannot be kept from capabilities',
  CAP_KILL: 'containers of other users cannot be stopped',
};

/** Even root may have been left without some, in a container or a sandbox. */
export function checkCapabilities(_subject: unknown, held: readonly string[] = heldCapabilities()): Findings {
  const missing = Object.entries(essential).filter(([name]) => !held.includes(name));
  const findings: Findings = missing.map(([name, consequence]) => ({
    status: 'problem',
    title: `This root has no ${name}`,
    why: `Without it ${consequence}.`,
    fix: ['run Silo outside of this container or sandbox, or give it more rights (Docker: --privileged)'],
  }));
  if (!held.includes('CAP_SYS_RESOURCE'))
    findings.push({
      status: 'note',
      title: 'This root has no CAP_SYS_RESOURCE',
      why: 'Limits of containers (--ulimit, --oom-score-adj) cannot be raised above those of the engine: Silo lowers such a wish to what it may grant and says so.',
    });
  if (findings.length === 0)
    findings.push({
      status: 'ok',
      title: 'Root holds all capabilities that Silo needs',
      why: 'Nothing holds it back.',
    });
  return findings;
}
