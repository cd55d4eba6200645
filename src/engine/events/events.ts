/**
 * The engine's event bus. Publishing never blocks and never fails; a bounded history serves `since` replays. Subscribers get every event after
 * their subscription in order; one whose listener is slow must buffer itself.
 */
export interface Events {
  publish(event: NewEvent): void;
  subscribe(listener: (event: EngineEvent) => void): Disposable;
  /** How many listen now. */
  listeners(): number;
  /** Resolves when the history has what a former engine kept. Never fails. */
  recall(): Promise<void>;
  /** Kept events from `sinceNs` to `untilNs`, both included, oldest first. */
  history(range: { sinceNs: bigint; untilNs?: bigint }): EngineEvent[];
}

/** How many past events stay for `since` replays; Docker keeps 256, tools that poll want more. */
export const historyLimit = 4096;

export type EventType = 'builder' | 'container' | 'image' | 'network' | 'volume' | 'daemon';

export interface NewEvent {
  type: EventType;
  /** Docker's word: `create`, `start`, `die`, `exec_start: sh`, `pull`… */
  action: string;
  /** Id (containers, networks) or name (images, volumes). */
  id: string;
  attributes: Record<string, string>;
}

export interface EngineEvent extends NewEvent {
  /** Nanoseconds since the epoch; strictly increasing within one engine while the clock is not set back. */
  timeNs: bigint;
}
