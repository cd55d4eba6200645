import { invalid } from '../../foundation/base/errors.ts';
import type { ResolvedIdentity } from './spec.ts';

/** Contents of the container's own files; the caller reads them bounded, from regular files only, inside the root. */
export interface UserFiles {
  passwd?: string;
  group?: string;
}

const largestId = 2 ** 31 - 1;
/** NGROUPS_MAX of setgroups(2). */
const mostGroups = 65_536;

/**
 * `USER` of an image or `--user`: `name`, `uid`, `name:group`, `uid:gid` and mixtures. A number is always an id, never looked up as a name
 * (CVE-2024-40635, CVE-2026-46680). Without a group part the groups that list the user are added, as runc does.
 */
export function resolveUser(
  text: string,
  files: UserFiles,
  extraGroups: readonly string[] = [],
): ResolvedIdentity {
  if (/[\n\0]/.test(text)) throw invalid('invalid user: it contains a line break or a zero byte');
  const separator = text.indexOf(':');
  const userPart = separator === -1 ? text : text.slice(0, separator);
  const groupPart = separator === -1 ? '' : text.slice(separator + 1);
  const user = findUser(userPart, files.passwd ?? '');
  const groups = { [Symbol.iterator]: () => parseGroups(files.group ?? '') };
  const gid = groupPart === '' ? user.gid : findGroup(groupPart, groups);
  const memberOf = groupPart === '' && user.name !== undefined ? memberships(user.name, groups) : [];
  const extra = extraGroups.map((group) => findGroup(group, groups));
  const additionalGids = [...new Set([...memberOf, ...extra])].slice(0, mostGroups);
  return { uid: user.uid, gid, additionalGids, home: user.home };
}

interface FoundUser {
  name?: string;
  uid: number;
  gid: number;
  home: string;
}

function findUser(text: string, passwd: string): FoundUser {
  const uid = text === '' ? 0 : parseId(text);
  for (const line of lines(passwd)) {
    const [name, , uidText, gidText, , home] = line.split(':');
    const entry = { uid: Number(uidText), gid: Number(gidText) };
    const matches = uid === undefined ? name === text : entry.uid === uid && uidText !== '';
    if (!matches || name === undefined) continue;
    if (!isId(entry.uid) || !isId(entry.gid)) throw outOfRange(text);
    return { name, ...entry, home: home || '/' };
  }
  if (uid === undefined) throw invalid(`unable to find user ${text}: no matching entries in passwd file`);
  return { uid, gid: 0, home: '/' };
}

interface Group {
  name: string;
  gid: number;
  members: string;
}

function* parseGroups(text: string): Iterator<Group> {
  for (const line of lines(text)) {
    const [name, , gidText, members] = line.split(':');
    const gid = Number(gidText);
    if (name !== undefined && gidText !== '' && isId(gid)) yield { name, gid, members: members ?? '' };
  }
}

function findGroup(text: string, groups: Iterable<Group>): number {
  const gid = parseId(text);
  if (gid !== undefined) return gid;
  for (const group of groups) if (group.name === text) return group.gid;
  throw invalid(`unable to find group ${text}: no matching entries in group file`);
}

function memberships(user: string, groups: Iterable<Group>): number[] {
  const gids: number[] = [];
  for (const { members, gid } of groups) {
    if (members.split(',').includes(user)) gids.push(gid);
    if (gids.length === mostGroups) break;
  }
  return gids;
}

/** undefined when it is not a number. */
function parseId(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (!isId(id)) throw outOfRange(text);
  return id;
}

function isId(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= largestId;
}

function outOfRange(text: string) {
  return invalid(`unable to find user ${text}: uids and gids must be in range 0-${largestId}`);
}

function* lines(text: string): Iterable<string> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end === -1 ? text.length : end).trim();
    if (line !== '' && !line.startsWith('#')) yield line;
    if (end === -1) return;
    start = end + 1;
  }
}
