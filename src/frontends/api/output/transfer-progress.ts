import type { LayerPhase, Progress } from '../../../engine/image/transfers.ts';
import type { JsonMessage } from '../../../foundation/wire/docker/json-message.ts';
import type { JsonLines } from './json-lines.ts';
import { progressText } from './progress-text.ts';

/** Bars move at most so often per layer: more than eyes see, and less than makes clients slow. */
const minimumIntervalMs = 100;

type LayerProgress = Extract<Progress, { kind: 'layer' }>;

const words: Record<LayerPhase, string> = {
  waiting: 'Waiting',
  downloading: 'Downloading',
  verifying: 'Verifying Checksum',
  downloaded: 'Download complete',
  extracting: 'Extracting',
  complete: 'Pull complete',
  exists: 'Already exists',
};

/**
 * Progress of a pull in Docker's messages. The first line, `Pulling from …`, waits until there is progress to show: a name that the registry does not
 * know must still become an error answer. What is known of layers is held back until one of them moves: those that are there already are then
 * told as such, the others are introduced by `Pulling fs layer`. Where nothing moves and nothing changes, no layer is told of at all.
 */
export function createPullReporter(
  lines: JsonLines<JsonMessage>,
  start: { repository: string; tag: string },
  nowMs: () => number = performance.now.bind(performance),
): { report(progress: Progress): void; finish(options: { changed: boolean }): void } {
  const layers = createLayerReporter(lines, nowMs);
  let begun = false;
  const begin = (): void => {
    if (begun) return;
    begun = true;
    lines.write({ status: `Pulling from ${start.repository}`, id: start.tag });
  };
  const held = new Map<string, LayerProgress>();
  let hasMoved = false;
  const release = (): void => {
    hasMoved = true;
    for (const progress of held.values()) layers(progress);
    held.clear();
  };
  return {
    finish({ changed }) {
      begin();
      if (changed) release();
    },
    report(progress) {
      if (progress.kind === 'layer') {
        const isStill = progress.phase === 'waiting' || progress.phase === 'exists';
        if (isStill && !hasMoved) return void held.set(progress.id, progress);
        begin();
        if (!hasMoved) release();
        layers(progress);
      } else if (progress.kind === 'retrying') {
        begin();
        const seconds = Math.ceil(progress.inSeconds);
        lines.write({
          status: `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}`,
          progressDetail: {},
          id: progress.id,
        });
      }
    },
  };
}

/** Progress of `load`: Docker shows bars of layers that are unpacked, then the names. */
export function createLoadReporter(
  lines: JsonLines<JsonMessage>,
  options: { quiet: boolean },
  nowMs: () => number = performance.now.bind(performance),
): (progress: Progress) => void {
  const isDue = createThrottle(nowMs);
  return (progress) => {
    if (progress.kind !== 'layer' || options.quiet || progress.phase !== 'extracting') return;
    const { id, currentBytes, totalBytes } = progress;
    if (currentBytes === undefined || !isDue(id, currentBytes === totalBytes)) return;
    lines.write({ status: 'Loading layer', ...bar(currentBytes, totalBytes), id });
  };
}

function createLayerReporter(
  lines: JsonLines<JsonMessage>,
  nowMs: () => number,
): (progress: LayerProgress) => void {
  const known = new Map<string, LayerPhase>();
  const isDue = createThrottle(nowMs);
  return ({ id, phase, currentBytes, totalBytes }) => {
    const before = known.get(id);
    known.set(id, phase);
    if (before === undefined && phase !== 'exists')
      lines.write({ status: 'Pulling fs layer', progressDetail: {}, id });
    const moves = phase === 'downloading' || phase === 'extracting';
    if (moves && currentBytes !== undefined) {
      if (!isDue(`${id} ${phase}`, currentBytes === totalBytes)) return;
      lines.write({ status: words[phase], ...bar(currentBytes, totalBytes), id });
    } else if (before !== phase) {
      lines.write({ status: words[phase], progressDetail: {}, id });
    }
  };
}

export function bar(
  current: number,
  total: number | undefined,
): Pick<JsonMessage, 'progressDetail' | 'progress'> {
  return {
    progressDetail: { current, ...(total === undefined ? {} : { total }) },
    progress: progressText(current, total),
  };
}

/** True when it is time for the next message of this key. */
export function createThrottle(nowMs: () => number): (key: string, isLast: boolean) => boolean {
  const last = new Map<string, number>();
  return (key, isLast) => {
    const now = nowMs();
    if (!isLast && now - (last.get(key) ?? -Infinity) < minimumIntervalMs) return false;
    last.set(key, now);
    return true;
  };
}
