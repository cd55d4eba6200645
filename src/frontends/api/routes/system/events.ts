import type { Engine } from '../../../../engine/host/engine.ts';
import type { EngineEvent } from '../../../../engine/events/events.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import type { Exchange } from '../../../../foundation/http/http.ts';
import { answered, type Route } from '../../call.ts';
import { createEventFilter, eventFilterNames } from '../../input/event-filters.ts';
import { parseFilters } from '../../input/filters.ts';
import { queryTimeNs } from '../../input/query.ts';
import { formatEvent } from '../../translate/event-json.ts';

/** Events, and what they take, that may wait for one slow reader before it is cut off: it could not tell what it missed. */
const mostWaiting = { events: 10_000, bytes: 32 << 20 };

export function streamEvents(engine: Pick<Engine, 'events'>): Route {
  return {
    method: 'GET',
    path: '/events',
    async handle({ query, exchange }) {
      const sinceNs = queryTimeNs(query, 'since');
      const untilNs = queryTimeNs(query, 'until');
      if (sinceNs !== undefined && untilNs !== undefined && sinceNs > untilNs)
        throw invalid(
          `\`since\` time (${query.get('since')}) cannot be after \`until\` time (${query.get('until')})`,
          { code: 'bad-time' },
        );
      const isWanted = createEventFilter(parseFilters(query, eventFilterNames));
      if (sinceNs !== undefined || untilNs !== undefined) await engine.events.recall();
      const writer = createWriter(exchange);
      // Subscribed before the history is read: what happens in between comes by the subscription alone.
      using _subscription = engine.events.subscribe((event) => {
        if (isWanted(event)) writer.add(event);
      });
      if (sinceNs !== undefined || untilNs !== undefined)
        engine.events
          .history({ sinceNs: sinceNs ?? 0n, ...(untilNs === undefined ? {} : { untilNs }) })
          .filter(isWanted)
          .forEach(writer.add);
      await endOf(exchange.signal, untilNs === undefined ? undefined : Number(untilNs / 1_000_000n));
      writer.end();
      return answered;
    },
  };
}

/** Writes at the client's pace and keeps what it has not taken. */
function createWriter(exchange: Exchange): { add(this: void, event: EngineEvent): void; end(): void } {
  const output = exchange.stream(200, 'application/json');
  const waiting: string[] = [];
  let waitingBytes = 0;
  let isBlocked = false;
  const write = (text: string): void => {
    if (output.write(text)) return;
    isBlocked = true;
    void output.drained().then(() => {
      isBlocked = false;
      waitingBytes = 0;
      if (waiting.length > 0) write(waiting.splice(0).join(''));
    });
  };
  return {
    add(event) {
      if (exchange.signal.aborted) return;
      const line = formatEvent(event);
      if (!isBlocked) return write(line);
      waitingBytes += line.length;
      if (waiting.push(line) > mostWaiting.events || waitingBytes > mostWaiting.bytes) exchange.destroy();
    },
    end() {
      for (const line of waiting.splice(0)) output.write(line);
      output.end();
    },
  };
}

/** Resolves when the client left or the time has come. */
function endOf(signal: AbortSignal, untilMs: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const leftMs = untilMs === undefined ? undefined : untilMs - Date.now();
    if (signal.aborted || (leftMs !== undefined && leftMs <= 0)) return resolve();
    // Longer waits than the timer can count end with the client.
    const timer = leftMs === undefined || leftMs >= 2 ** 31 ? undefined : setTimeout(resolve, leftMs);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
