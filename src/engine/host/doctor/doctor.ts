import { release } from 'node:os';
import type { EngineSettings } from '../settings.ts';
import { checkCapabilities } from './capabilities.ts';
import { checkCgroups } from './cgroups.ts';
import { checkClock } from './clock.ts';
import { checkDisk } from './disk.ts';
import type { Check, Finding, Subject } from './finding.ts';
import { checkFirewall } from './firewall.ts';
import { checkIdmappedMounts } from './idmapped-mounts.ts';
import { checkInit } from './init.ts';
import { checkKernel } from './kernel.ts';
import { checkLimits } from './limits.ts';
import { checkNetworkDevices } from './network-devices.ts';
import { checkNftables } from './nftables.ts';
import { checkOtherEngines } from './other-engines.ts';
import { checkOverlay } from './overlay.ts';
import { checkRuntimes } from './runtimes.ts';
import { checkSeccomp } from './seccomp.ts';
import { checkSubordinateIds } from './subordinate-ids.ts';
import { checkUserNamespaces } from './user-namespaces.ts';

/** In the order in which they are shown. */
const checks: readonly Check[] = [
  { area: 'kernel', run: checkKernel },
  { area: 'overlayfs', needsRoot: true, run: checkOverlay },
  { area: 'user namespaces', needsRoot: true, run: checkUserNamespaces },
  { area: 'idmapped mounts', needsRoot: true, run: checkIdmappedMounts },
  { area: 'seccomp', run: checkSeccomp },
  { area: 'capabilities', needsRoot: true, run: checkCapabilities },
  { area: 'cgroups', run: checkCgroups },
  { area: 'programs', run: checkRuntimes },
  { area: 'init', run: checkInit },
  { area: 'network devices', needsRoot: true, run: checkNetworkDevices },
  { area: 'nftables', needsRoot: true, run: checkNftables },
  { area: 'firewall', needsRoot: true, run: checkFirewall },
  { area: 'subordinate ids', run: checkSubordinateIds },
  { area: 'disk', run: checkDisk },
  { area: 'limits', run: checkLimits },
  { area: 'clock', run: checkClock },
  { area: 'other engines', run: checkOtherEngines },
];

/**
 * Examines the machine: what it can do, whether Silo would run well, and what to do about what it finds. Whatever a probe makes (a mount in a
 * temporary folder, an empty cgroup) is gone when its check ends; nothing else is changed.
 */
export async function examine(
  settings: Pick<EngineSettings, 'dataRoot' | 'execRoot' | 'bridge'>,
  options: { checks?: readonly Check[] } = {},
): Promise<Finding[]> {
  const subject: Subject = { ...settings, isRoot: process.getuid?.() === 0, kernelRelease: release() };
  const wanted = options.checks ?? checks;
  const able = wanted.filter((check) => subject.isRoot || !check.needsRoot);
  const findings: Finding[] = [];
  for (const check of able) findings.push(...(await runCheck(check, subject)));
  const skipped = wanted.filter((check) => !able.includes(check)).map(({ area }) => area);
  if (skipped.length > 0) findings.push(unchecked(skipped));
  return findings;
}

/** A check that fails itself is a finding, and does not hide what the others found. */
async function runCheck(check: Check, subject: Subject): Promise<Finding[]> {
  const { area } = check;
  try {
    return (await check.run(subject)).map((found) => ({ area, ...found }));
  } catch (error) {
    return [
      {
        area,
        status: 'warning',
        title: `${area} could not be checked`,
        why: error instanceof Error ? error.message : String(error),
      },
    ];
  }
}

function unchecked(areas: readonly string[]): Finding {
  return {
    area: 'doctor',
    status: 'note',
    title: `Not checked, because only root can: ${areas.join(', ')}`,
    why: 'These checks mount, make namespaces or read the firewall.',
    fix: ['sudo silo doctor'],
  };
}
