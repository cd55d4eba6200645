import { shortId } from '../../../foundation/base/ids.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import type { LayerNote } from '../context.ts';
import type { Progress } from '../transfers.ts';

/** Layers report every chunk; people and JSON streams want about ten lines a second. */
const intervalMs = 100;

/** Turns one layer's notes into progress: each change of phase at once, what moves within a phase at most ten times a second. */
export function layerProgress(
  blob: Digest,
  now: () => number,
  onProgress: ((progress: Progress) => void) | undefined,
): (note: LayerNote) => void {
  if (!onProgress) return () => undefined;
  const id = shortId(blob);
  let phase: LayerNote['phase'] | undefined;
  let lastMs = 0;
  return (note) => {
    const ms = now();
    if (note.phase === phase && ms - lastMs < intervalMs) return;
    phase = note.phase;
    lastMs = ms;
    onProgress({ kind: 'layer', id, ...note });
  };
}
