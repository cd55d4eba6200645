import type { EventMessage } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import { formatOption } from '../output/option-specs.ts';
import { executeFormat, parseFormat } from '../output/rows.ts';
import { formatOffset } from '../output/units.ts';
import { visible } from '../output/text.ts';
import { collectFilters } from '../parse/filters.ts';
import { parseTimeOption } from '../parse/time.ts';
import { writeOut } from '../streams/session.ts';

export const command = defineCommand({
  name: 'events',
  summary: 'Get real time events from the server',
  usage: '',
  aliases: ['system events', 'events'],
  options: {
    filter: { kind: 'filter', short: 'f', summary: 'Filter output based on conditions provided' },
    format: formatOption,
    since: { kind: 'string', summary: 'Show all events created since timestamp' },
    until: { kind: 'string', summary: 'Stream events until this timestamp' },
  },
  args: { min: 0, max: 0 },
  examples: [
    'silo events',
    'silo events --since 10m --filter type=container --filter event=die --format json',
  ],
  async run({ options, io, client }) {
    const format = eventFormat(options.format);
    const now = io.now();
    const events = await (
      await client()
    ).system.events({
      filters: collectFilters(options.filter),
      ...(options.since === '' ? {} : { since: parseTimeOption('since', options.since, now) }),
      ...(options.until === '' ? {} : { until: parseTimeOption('until', options.until, now) }),
    });
    for await (const event of events) await writeOut(io.stdout, Buffer.from(`${format(event)}\n`));
    return 0;
  },
});

function eventFormat(format: string): (event: EventMessage) => string {
  if (format === '') return formatEvent;
  if (format === 'json') return formatEventJson;
  const nodes = parseFormat(format);
  return (event) => executeFormat(nodes, eventWords(event));
}

/** One line; numbers of JavaScript cannot hold the nanoseconds, so their digits are put in afterwards. */
function formatEventJson({ timeNs, ...event }: EventMessage): string {
  const attributes = Object.entries(event.Actor.Attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const actor = { ...event.Actor, Attributes: Object.fromEntries(attributes) };
  return JSON.stringify({ ...event, Actor: actor }).replace(/"timeNano":\d+/, `"timeNano":${timeNs}`);
}

/** The names that templates use; the time in nanoseconds is exact as text only. */
function eventWords(event: EventMessage): object {
  return {
    Type: event.Type,
    Action: event.Action,
    Actor: event.Actor,
    Scope: event.scope,
    Time: event.time,
    TimeNano: String(event.timeNs),
    Status: event.status ?? '',
    ID: event.id ?? '',
    From: event.from ?? '',
  };
}

/** `2024-05-06T07:08:09.123456789+02:00 container die 0123… (exitCode=0, image=busybox)`. */
function formatEvent(event: EventMessage): string {
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
  const what = visible(`${event.Type} ${event.Action} ${event.Actor.ID}`);
  return `${formatNanoTime(event.timeNs)} ${what}${attributes === '' ? '' : ` (${visible(attributes)})`}`;
}

/** RFC 3339 with nanoseconds in the local zone. */
export function formatNanoTime(timeNs: bigint): string {
  const date = new Date(Number(timeNs / 1_000_000n));
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const offset = formatOffset(date);
  const zone = offset === '+0000' ? 'Z' : `${offset.slice(0, 3)}:${offset.slice(3)}`;
  return `${day}T${time}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}${zone}`;
}
