import { chown, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DoorSettings } from '../engine/host/settings.ts';
import { forbidden, invalid } from '../foundation/base/errors.ts';
import type { Log } from '../foundation/base/log.ts';
import type { HttpServer, ListenAddress, TlsIdentity } from '../foundation/http/http.ts';
import { isLoopback, parseListenAddress } from '../foundation/http/listen.ts';
import { readRevocationLists } from '../foundation/x509/revocation-list.ts';
import {
  createRenewal,
  readTlsIdentity,
  type TlsFiles,
  troubleOfDates,
} from '../foundation/http/tls-files.ts';

import { revocationFile, standardFolder } from '../frontends/cli/tls/options.ts';

export interface Doors extends DoorSettings {
  hosts: string[];
}

/** The daemon's addresses, before they are opened. */
export interface Entrance {
  identity: TlsIdentity | undefined;
  open(server: HttpServer): Promise<void>;
  /** Reads the certificates again. */
  reload(server: HttpServer): Promise<void>;
}

const standardGroups = ['silo', 'docker'];

/** Parts what is about doors from the rest. */
export function splitDoors<T extends DoorSettings>(
  given: T,
): { own: DoorSettings; others: Omit<T, keyof DoorSettings> } {
  const { group, tls, tlsVerify, tlsCaFile, tlsCertFile, tlsKeyFile, tlsCrlFile, ...others } = given;
  const all = { group, tls, tlsVerify, tlsCaFile, tlsCertFile, tlsKeyFile, tlsCrlFile };
  const own = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return { own, others };
}

/** Reads what is needed to open them and refuses what would let in everybody. */
export async function prepareDoors(
  doors: Doors,
  { execRoot, log }: { execRoot: string; log: Log },
): Promise<Entrance> {
  const addresses = doors.hosts.map(parseListenAddress);
  const files = tlsFiles(doors);
  if (files === undefined) refuseOpenDoors(addresses, doors, log);
  const identity = files && (await readTlsIdentity(files));
  if (files && identity) tellDates(files, identity, log);
  const groupId = addresses.some(({ kind }) => kind === 'unix')
    ? await socketGroup(doors.group, log)
    : undefined;
  return {
    identity,
    async open(server) {
      for (const address of addresses) {
        if (address.kind === 'tcp' || groupId === undefined) {
          await server.listen(address);
          continue;
        }
        // The engine's own folder is closed to others: the group must get through it.
        if (dirname(address.path) === execRoot) await chown(execRoot, -1, groupId);
        await server.listen({ ...address, groupId });
      }
    },
    reload: async (server) => {
      if (files === undefined) return;
      await createRenewal(files, server, log)();
    },
  };
}

/** Undefined when TLS was not asked for. */
function tlsFiles(doors: Doors): Required<TlsFiles> | undefined {
  if (doors.tlsVerify !== true) {
    if (doors.tls === true)
      throw invalid('--tls alone would let everybody in: whoever speaks to the engine is root here', {
        code: 'tls-without-clients',
        hint: 'use --tlsverify, which asks clients for a certificate; `silo tls init` makes them',
      });
    const named = doors.tlsCaFile ?? doors.tlsCertFile ?? doors.tlsKeyFile ?? doors.tlsCrlFile;
    if (named !== undefined && doors.tls !== false && doors.tlsVerify !== false)
      throw invalid(`${named} is named as a certificate, key or list, but TLS is not asked for`, {
        code: 'tls-not-asked',
        hint: 'add --tlsverify; --tls=false says that you want it without',
      });
    return undefined;
  }
  const clientCa = doors.tlsCaFile ?? join(standardFolder, 'ca.pem');
  return {
    clientCa,
    // Whoever revokes for the first time need not start the daemon anew.
    revoked: {
      path: doors.tlsCrlFile ?? join(dirname(clientCa), revocationFile),
      mayBeAbsent: doors.tlsCrlFile === undefined,
    },
    cert: doors.tlsCertFile ?? join(standardFolder, 'server-cert.pem'),
    key: doors.tlsKeyFile ?? join(standardFolder, 'server-key.pem'),
  };
}

function refuseOpenDoors(addresses: readonly ListenAddress[], doors: Doors, log: Log): void {
  for (const address of addresses) {
    if (address.kind === 'unix') continue;
    const text = `tcp://${address.host}:${address.port}`;
    if (!isLoopback(address.host))
      throw forbidden(`refusing to serve ${text} without TLS: everybody who reaches it would be root here`, {
        code: 'tcp-without-tls',
        hint: '`silo tls init` makes certificates; then add --tlsverify',
      });
    if (doors.tls !== false && doors.tlsVerify !== false)
      throw forbidden(`refusing to serve ${text} without TLS: every user of this machine would be root`, {
        code: 'tcp-without-tls',
        hint: '`silo tls init` makes certificates for --tlsverify; --tls=false says that you want it without',
      });
    log.warn('every user of this machine may be root by an address without TLS', { host: text });
  }
}

function tellDates(files: Required<TlsFiles>, identity: TlsIdentity, log: Log): void {
  for (const [file, pem] of [
    [files.cert, identity.cert],
    [files.clientCa, identity.clientCa],
  ] as const) {
    const trouble = pem && readDates(file, pem);
    if (trouble) log.warn('a certificate needs attention: clients will refuse it', { file, trouble });
  }
  const { revoked = '', clientCa = '' } = identity;
  const lists = revoked === '' ? [] : readRevocationLists(revoked, clientCa);
  if (lists.some(({ to }) => to !== undefined && to.getTime() < Date.now()))
    log.warn('the list of revoked certificates is out of date: make a new one', { file: files.revoked.path });
}

function readDates(file: string, pem: string): string | undefined {
  try {
    return troubleOfDates(pem, Date.now());
  } catch (cause) {
    throw invalid(`${file} holds no certificate`, { code: 'bad-certificate', cause });
  }
}

/** A group that was named must be there; of the usual ones the first that is. */
async function socketGroup(named: string | undefined, log: Log): Promise<number | undefined> {
  if (named !== undefined && /^\d{1,9}$/.test(named)) return Number(named);
  const groups = parseGroups(await readFile('/etc/group', 'utf8').catch(() => ''));
  if (named !== undefined) {
    const id = groups.get(named);
    if (id === undefined)
      throw invalid(`group ${named} not found`, {
        code: 'no-such-group',
        hint: `make it with \`groupadd --system ${named}\`, or give a number`,
      });
    return id;
  }
  const found = standardGroups.find((name) => groups.has(name));
  log.debug('the socket is for a group', { group: found ?? 'root' });
  return found === undefined ? undefined : groups.get(found);
}

/** group(5) */
const parseGroups = (text: string): Map<string, number> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const [name = '', , id = ''] = line.split(':');
      return name !== '' && /^\d{1,9}$/.test(id) ? [[name, Number(id)] as const] : [];
    }),
  );
