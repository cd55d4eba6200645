import type { EngineEvent } from '../../../engine/events/events.ts';

/**
 * One line of `GET /events` with its newline. Written as text because `timeNano` does not fit into a JavaScript number. `status`, `id` and `from` repeat
 * the event for clients of API 1.21, as the real engine still does.
 */
export function formatEvent(event: EngineEvent): string {
  const hasLegacy = event.type === 'container' || event.type === 'image';
  const { image } = event.attributes;
  const head = {
    ...(hasLegacy ? { status: event.action, id: event.id } : {}),
    ...(event.type === 'container' && image !== undefined ? { from: image } : {}),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.id, Attributes: event.attributes },
    scope: 'local',
    time: Number(event.timeNs / 1_000_000_000n),
  };
  return `${JSON.stringify(head).slice(0, -1)},"timeNano":${event.timeNs}}\n`;
}
