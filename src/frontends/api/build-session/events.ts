import { StringDecoder } from 'node:string_decoder';
import { type BuildProgress, exitCodeOf } from '../../../engine/build/solve/types.ts';
import { errorToJson } from '../../../foundation/base/error-json.ts';
import { toSiloError } from '../../../foundation/base/errors.ts';
import type { BuildErrorJson, BuildEventJson } from '../../../foundation/wire/silo/build-session.ts';

/** What a build tells, as a session's lines. Output is text: bytes that are cut in the middle of a character wait for the rest. */
export function createEventWriter(): (progress: BuildProgress) => BuildEventJson | undefined {
  const decoders = new Map<string, StringDecoder>();
  const textOf = (step: number, stream: string, bytes: Uint8Array): string => {
    const key = `${step} ${stream}`;
    const decoder = decoders.get(key) ?? new StringDecoder('utf8');
    decoders.set(key, decoder);
    return decoder.write(Buffer.from(bytes));
  };
  return (progress) => {
    switch (progress.kind) {
      case 'plan':
        return {
          kind: 'plan',
          steps: progress.steps.map(({ number, of, stage, text, place: { line, endLine } }) => ({
            number,
            of,
            stage,
            text,
            line,
            endLine,
          })),
        };
      case 'output': {
        const { step, stream, bytes } = progress;
        const text = textOf(step, stream, bytes);
        return text === '' ? undefined : { kind: 'output', step, stream, text };
      }
      case 'pulling': {
        const { progress: layer, ...rest } = progress;
        if (layer === undefined) return rest;
        if (layer.kind !== 'layer') return undefined;
        const { kind: _, ...facts } = layer;
        return { ...rest, layer: facts };
      }
      case 'warning': {
        const { place, ...rest } = progress;
        return place === undefined ? rest : { ...rest, line: place.line };
      }
      case 'pushing': {
        const { reference, progress: push } = progress;
        if (push.kind === 'tag') return { kind: 'pushing', reference, digest: push.digest };
        if (push.kind !== 'layer') return undefined;
        const { kind: _, ...layer } = push;
        return { kind: 'pushing', reference, layer };
      }
      case 'exporting':
      case 'started':
      case 'cached':
      case 'done':
      case 'cancelled':
      case 'failed':
      case 'running':
      case 'image':
        return progress;
    }
  };
}

export function errorJson(thrown: unknown): BuildErrorJson {
  const exitCode = exitCodeOf(toSiloError(thrown));
  return { ...errorToJson(thrown), ...(exitCode === undefined ? {} : { exitCode }) };
}
