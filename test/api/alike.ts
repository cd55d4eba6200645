import type { Told } from './play.ts';

/** Whether an answer is what a real Docker gives, as far as two engines can agree; otherwise what differs. */
export function differencesOf(real: Told, told: Told): string[] {
  return [
    ...(isSameStatus(real.status, told.status) ? [] : [`status ${told.status}, want ${real.status}`]),
    ...(isSameMessage(real, told) ? [] : [`message ${quote(told.message)}, want ${quote(real.message)}`]),
    ...startDifferences(real, told),
    ...valueDifferences(real.warnings ?? [], told.warnings ?? [], 'warnings'),
    ...(isFields(real.shown) && isFields(told.shown)
      ? fieldDifferences(real.shown, told.shown)
      : valueDifferences(real.shown, told.shown, '')),
  ];
}

const isFields = (shown: unknown): shown is string[] =>
  Array.isArray(shown) && shown.every((each) => typeof each === 'string' && /^[[.].*:\w+$/.test(each));

/** Fields that one has and the other has not, or that have another type. What is empty here may be full there. */
function fieldDifferences(real: string[], told: string[]): string[] {
  const lacks = (list: string[], other: string[]): string[] =>
    list.filter((field) => {
      const [, place = '', type = ''] = /^(.*):(\w+)$/.exec(field) ?? [];
      const isEmptyHere = ['null', 'list', 'object'].includes(type);
      return !other.some((each) => {
        const [, otherPlace = '', otherType = ''] = /^(.*):(\w+)$/.exec(each) ?? [];
        if (otherPlace === place)
          return otherType === type || isEmptyHere || /^(null|list|object)$/.test(otherType);
        if (isEmptyHere && otherPlace.startsWith(place)) return true;
        return place.startsWith(otherPlace) && /^(null|list|object)$/.test(otherType);
      });
    });
  return [
    ...lacks(told, real).map((field) => `has ${field}`),
    ...lacks(real, told).map((field) => `lacks ${field}`),
  ];
}

/** What the engine refuses because it does not do it yet: neither alike nor wrong. */
export const isPending = (told: Told): boolean => told.status === 501;

function startDifferences(real: Told, told: Told): string[] {
  if (!real.started) return [];
  // A request that cannot work may be refused before the start.
  if (!told.started) return real.started.status >= 400 && told.status === 400 ? [] : ['was not started'];
  if (!isSameStatus(real.started.status, told.started.status))
    return [`start ${told.started.status} ${quote(told.started.message)}, want ${real.started.status}`];
  return isSameMessage(real.started, told.started)
    ? []
    : [`start says ${quote(told.started.message)}, want ${quote(real.started.message)}`];
}

/** Where Docker calls the client's mistake its own (500), Silo says 4xx. */
const isSameStatus = (real: number, told: number): boolean =>
  real === told || (real >= 500 && told >= 400 && told < 500);

function isSameMessage(real: Pick<Told, 'message'>, told: Pick<Told, 'message'>): boolean {
  const wanted = soften(real.message ?? '');
  const found = soften(told.message ?? '');
  return found === wanted || (wanted !== '' && found.includes(wanted));
}

/** Names of Go's types, of the runtime and of its complaints are no part of the agreement; nor is how a control character is shown. */
function soften(message: string): string {
  return message
    .toLowerCase()
    .replace(/\0/g, '\\x00')
    .replace(/unmarshal (array|object|number).* into go .*/s, 'unmarshal')
    .replace(/unmarshal (\w+).* into go .*/s, 'unmarshal')
    .replace(/(oci runtime create failed: )[\s\S]*/, '$1')
    .replace(/(invalid json: )(?!json:)[\s\S]*/, '$1')
    .replace(/(maximum supported api version is ).*/, '$1')
    .replace(/prefix: [0-9a-f]$/, 'prefix: ')
    .replace(/container: [0-9a-f]: /, 'container: ');
}

const quote = (text: string | undefined): string => JSON.stringify(text ?? '');

/** Go clients cannot tell an absent list or map from an empty one, hence neither can this. */
function valueDifferences(real: unknown, told: unknown, at: string): string[] {
  if (isEmptyValue(real) && isEmptyValue(told)) return [];
  if (isMap(real) && isMap(told)) {
    const names = [...new Set([...Object.keys(real), ...Object.keys(told)])];
    return names.flatMap((name) => valueDifferences(real[name], told[name], `${at}.${name}`));
  }
  const [wanted, found] = [real, told].map((value) => JSON.stringify(sorted(value)) ?? 'nothing');
  return wanted === found ? [] : [`${at} is ${found}, want ${wanted}`];
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isEmptyValue = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}
