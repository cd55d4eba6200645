import { toSiloError } from '../../../../foundation/base/errors.ts';
import type { ImageId } from '../../../../foundation/oci/digest.ts';
import type { VertexId } from '../../graph/vertex.ts';
import type { BuildRequest, StepReport } from '../types.ts';

/** Turns what happens to vertices into what is told of steps: each begins once, and ends once. */
export interface StepTeller {
  begin(id: VertexId): void;
  beginStep(step: number): void;
  /** Told before the end of those steps that want the vertex. */
  result(step: number, image: ImageId): void;
  end(step: number, how: 'cached' | 'done'): void;
  /** What fails first fails its steps, and tells `onFailure`; what others then give up is cancelled. */
  guard<T>(id: VertexId, work: () => Promise<T>): Promise<T>;
  reportOf(id: VertexId): StepReport;
  /** Its first step. */
  orderOf(id: VertexId): number;
}

export interface TellerOptions {
  request: Pick<BuildRequest, 'onProgress' | 'drained'>;
  stepsOf: (id: VertexId) => readonly number[];
  signal: AbortSignal;
  onFailure: (error: unknown) => void;
  now: () => number;
}

export function createStepTeller({ request, stepsOf, signal, onFailure, now }: TellerOptions): StepTeller {
  const begun = new Set<number>();
  const ended = new Set<number>();
  const told = new Set<unknown>();

  const beginStep = (step: number): void => {
    if (begun.has(step)) return;
    begun.add(step);
    request.onProgress({ kind: 'started', step, atMs: now() });
  };
  const isOpen = (step: number): boolean => begun.has(step) && !ended.has(step);
  const fail = (id: VertexId, error: unknown): void => {
    const { message } = toSiloError(error);
    for (const step of stepsOf(id)) {
      if (ended.has(step)) continue;
      beginStep(step);
      ended.add(step);
      request.onProgress({ kind: 'failed', step, atMs: now(), message });
    }
    onFailure(error);
  };
  const cancel = (id: VertexId): void => {
    for (const step of stepsOf(id).filter(isOpen)) {
      ended.add(step);
      request.onProgress({ kind: 'cancelled', step, atMs: now() });
    }
  };

  return {
    begin(id) {
      for (const step of stepsOf(id)) beginStep(step);
    },
    beginStep,
    result(step, image) {
      if (isOpen(step)) request.onProgress({ kind: 'image', step, id: image });
    },
    end(step, kind) {
      if (!isOpen(step)) return;
      ended.add(step);
      request.onProgress({ kind, step, atMs: now() });
    },
    async guard(id, work) {
      try {
        return await work();
      } catch (error) {
        const isFirst = !signal.aborted && !told.has(error);
        told.add(error);
        if (isFirst) fail(id, error);
        else cancel(id);
        throw error;
      }
    },
    reportOf(id) {
      const [step] = stepsOf(id);
      if (step === undefined)
        return { running: () => undefined, output: () => true, drained: () => Promise.resolve() };
      return {
        running(containerId) {
          beginStep(step);
          request.onProgress({ kind: 'running', step, containerId });
        },
        output: (stream, bytes) => {
          beginStep(step);
          return request.onProgress({ kind: 'output', step, stream, bytes });
        },
        drained: () => request.drained(step),
      };
    },
    orderOf: (id) => stepsOf(id)[0] ?? Number.MAX_SAFE_INTEGER,
  };
}
