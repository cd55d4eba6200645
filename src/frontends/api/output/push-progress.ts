import type { PushPhase, PushProgress } from '../../../engine/image/transfers.ts';
import type { JsonMessage } from '../../../foundation/wire/docker/json-message.ts';
import type { JsonLines } from './json-lines.ts';
import { bar, createThrottle } from './transfer-progress.ts';

const words: Record<Exclude<PushPhase, 'mounted'>, string> = {
  preparing: 'Preparing',
  pushing: 'Pushing',
  pushed: 'Pushed',
  exists: 'Layer already exists',
  skipped: 'Skipped foreign layer',
};

/** Progress of a push in Docker's messages; clients take the digest from the last one's `aux`. */
export function createPushReporter(
  lines: JsonLines<JsonMessage>,
  nowMs: () => number = performance.now.bind(performance),
): (progress: PushProgress) => void {
  const isDue = createThrottle(nowMs);
  return (progress) => {
    if (progress.kind === 'repository') {
      lines.write({ status: `The push refers to repository [${progress.name}]` });
    } else if (progress.kind === 'tag') {
      const { tag, digest, sizeBytes } = progress;
      lines.write({ status: `${tag}: digest: ${digest} size: ${sizeBytes}` });
      lines.write({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: sizeBytes } });
    } else if (progress.kind === 'partial') {
      const { index, manifest } = progress;
      lines.write({
        progressDetail: {},
        aux: { manifestPushedInsteadOfIndex: true, originalIndex: index, selectedManifest: manifest },
      });
    } else {
      const { id, phase, currentBytes, totalBytes, from = '' } = progress;
      const status = phase === 'mounted' ? `Mounted from ${from}` : words[phase];
      if (currentBytes === undefined) lines.write({ status, progressDetail: {}, id });
      else if (isDue(id, currentBytes === totalBytes))
        lines.write({ status, ...bar(currentBytes, totalBytes), id });
    }
  };
}
