import type { ImageId } from '../../../../foundation/oci/digest.ts';
import { createSharedWork } from '../../../image/shared-work.ts';
import type { StepReport } from '../types.ts';

/**
 * The steps that run, by key, over all builds: what two builds want at the same time is done once, and goes on while one of them stays. Who comes
 * later is told from the beginning.
 */
export interface SharedSteps {
  join(
    key: string,
    joiner: { report: StepReport; signal: AbortSignal },
    work: (flight: { report: StepReport; signal: AbortSignal }) => Promise<ImageId>,
  ): Promise<ImageId>;
}

/** What is kept for those who come later; beyond it they miss the middle. */
const keptBytes = 256 * 1024;

type Said =
  | { kind: 'running'; containerId: string }
  | { kind: 'output'; stream: 'stdout' | 'stderr'; bytes: Uint8Array };

export function createSharedSteps(): SharedSteps {
  const flights = createSharedWork<ImageId, never>('the build');
  const rooms = new Map<string, Room>();
  return {
    async join(key, { report, signal }, work) {
      const room = rooms.get(key) ?? createRoom();
      rooms.set(key, room);
      const leave = room.enter(report);
      try {
        return await flights.join(key, { signal }, (flight) => {
          room.clear();
          return work({ report: room.report, signal: flight.signal });
        });
      } finally {
        if (leave() === 0 && rooms.get(key) === room) rooms.delete(key);
      }
    },
  };
}

interface Room {
  report: StepReport;
  /** The result leaves, and tells how many stay. */
  enter(report: StepReport): () => number;
  /** The work begins, perhaps anew. */
  clear(): void;
}

interface Listener {
  report: StepReport;
  /** Until it takes more. */
  full: Promise<void> | undefined;
  missed: number;
  left: PromiseWithResolvers<void>;
}

function createRoom(): Room {
  const listeners = new Set<Listener>();
  let said: Said[] = [];
  let bytes = 0;

  const tell = (listener: Listener, what: Said): void => {
    if (what.kind === 'running') listener.report.running(what.containerId);
    else if (listener.full) listener.missed += what.bytes.length;
    else if (!listener.report.output(what.stream, what.bytes)) listener.full = catchUp(listener);
  };
  /** Of several listeners the fastest sets the pace, the others miss what they are too slow for. */
  const catchUp = async (listener: Listener): Promise<void> => {
    await Promise.race([listener.report.drained(), listener.left.promise]);
    listener.full = undefined;
    const { missed } = listener;
    listener.missed = 0;
    if (missed > 0)
      listener.report.output('stderr', Buffer.from(`[${missed} bytes left out: read too slowly]\n`));
  };
  const keep = (what: Said): void => {
    const size = what.kind === 'output' ? what.bytes.length : 0;
    if (bytes + size > keptBytes) return;
    bytes += size;
    said.push(what);
  };
  const allFull = (): Promise<void>[] => {
    const full = [...listeners].flatMap((each) => each.full ?? []);
    return full.length === listeners.size ? full : [];
  };
  const say = (what: Said): void => {
    keep(what);
    for (const each of listeners) tell(each, what);
  };
  return {
    report: {
      running: (containerId) => say({ kind: 'running', containerId }),
      output(stream, chunk) {
        say({ kind: 'output', stream, bytes: chunk });
        return allFull().length === 0;
      },
      async drained() {
        const full = allFull();
        if (full.length > 0) await Promise.race(full);
      },
    },
    enter(report) {
      const listener: Listener = {
        report,
        full: undefined,
        missed: 0,
        left: Promise.withResolvers(),
      };
      for (const each of said) tell(listener, each);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        listener.left.resolve();
        return listeners.size;
      };
    },
    clear() {
      said = [];
      bytes = 0;
    },
  };
}
