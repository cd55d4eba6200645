import { readFileSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { ownListeners } from '../../../foundation/kernel/own-listeners.ts';
import { checkRuntimes } from '../doctor/runtimes.ts';
import type { EngineSettings } from '../settings.ts';
import { answersStrangers } from './strangers.ts';
import type { HostSubject } from './host-items.ts';

type AuditedSettings = Pick<
  EngineSettings,
  'dataRoot' | 'execRoot' | 'insecureRegistries' | 'seccompProfile' | 'security'
>;

/** Asks the machine; what is not there is left out. */
export async function gatherHostSubject(
  settings: AuditedSettings,
  known: { appArmor: boolean; kernelRelease: string; userNamespaces: HostSubject['userNamespaces'] },
): Promise<HostSubject> {
  const { dataRoot, execRoot } = settings;
  const listeners = ownListeners();
  const [programs, tcp] = await Promise.all([
    checkRuntimes(),
    Promise.all(
      listeners.tcp.map(async (place) => ({ ...place, answersStrangers: await answersStrangers(place) })),
    ),
  ]);
  const groups = readGroups();
  return {
    ...known,
    dataRootIsOwnDisk: find(dataRoot)?.dev !== find(dirname(dataRoot))?.dev,
    openHoles: programs
      .filter(({ status }) => status === 'warning' || status === 'problem')
      .map(({ title }) => `${title}.`),
    sockets: listeners.sockets.flatMap((path) => {
      const stats = find(path);
      if (stats === undefined) return [];
      const mode = isClosed(dirname(path)) ? stats.mode & ~0o007 : stats.mode;
      const group = groups.find(({ id }) => id === stats.gid);
      return [
        {
          path,
          mode,
          group: group?.name ?? String(stats.gid),
          members: stats.mode & 0o060 ? (group?.members ?? []) : [],
        },
      ];
    }),
    tcp,
    insecureRegistries: settings.insecureRegistries,
    seccompProfile: settings.seccompProfile,
    securityPreset: settings.security,
    folders: [dataRoot, execRoot].flatMap((path) => {
      const stats = find(path);
      return stats ? [{ path, mode: stats.mode, owner: stats.uid }] : [];
    }),
    files: [
      { path: '/etc/silo/daemon.json', secret: false },
      { path: '/etc/silo/tls/server-cert.pem', secret: false },
      { path: '/etc/silo/tls/server-key.pem', secret: true },
      { path: '/etc/silo/tls/ca-key.pem', secret: true },
    ].flatMap(({ path, secret }) => {
      const stats = find(path);
      return stats ? [{ path, secret, mode: stats.mode, owner: stats.uid }] : [];
    }),
  };
}

const find = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });
/** Other users do not get through. */
const isClosed = (folder: string): boolean => ((find(folder)?.mode ?? 0) & 0o001) === 0;

/** group(5). */
function readGroups(): { name: string; id: number; members: string[] }[] {
  return readFileSync('/etc/group', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', , id, members = ''] = line.split(':');
      return { name, id: Number(id), members: members.split(',').filter(Boolean) };
    });
}
