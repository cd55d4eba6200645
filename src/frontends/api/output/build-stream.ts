import { StringDecoder } from 'node:string_decoder';
import type { BuildProgress, BuildStep } from '../../../engine/build/solve/types.ts';
import { shortId } from '../../../foundation/base/ids.ts';

/** What a build tells, as the classic builder's text. */
export interface BuildStream {
  /** False asks to wait for `drained`. */
  tell: (progress: BuildProgress) => boolean;
  drained: () => Promise<void>;
  /** Of a build that failed: what was held back, the step that failed last. */
  end(): void;
}

export interface TextOutput {
  write(text: string): boolean;
  drained(): Promise<void>;
}

/**
 * What of a step whose turn has not come is kept. More of it is told out of turn: a step must not wait for those before it, which may wait for what it
 * holds.
 */
const heldBytes = { step: 1 << 20, all: 16 << 20 };

/** Steps may run side by side; the text is in the order of the steps, as if they had run one after the other. */
export function createBuildStream(output: TextOutput): BuildStream {
  let steps: readonly BuildStep[] = [];
  const states = new Map<number, StepState>();
  let current = 1;
  let failed: number | undefined;
  let held = 0;

  const stateOf = (step: number): StepState => {
    const state = states.get(step) ?? newState();
    states.set(step, state);
    return state;
  };
  const release = (step: number): boolean => {
    const text = states.get(step)?.held ?? '';
    if (text === '') return true;
    held -= text.length;
    stateOf(step).held = '';
    return output.write(text);
  };
  const say = (step: number, text: string): boolean => {
    if (text === '') return true;
    if (step <= current) return output.write(text);
    const state = stateOf(step);
    state.held += text;
    held += text.length;
    return (state.held.length <= heldBytes.step && held <= heldBytes.all) || release(step);
  };
  const finish = (step: number): void => {
    stateOf(step).hasEnded = true;
    while (states.get(current)?.hasEnded) {
      states.delete(current);
      release(++current);
    }
  };

  return {
    tell(progress) {
      switch (progress.kind) {
        case 'plan':
          ({ steps } = progress);
          return true;
        case 'started':
          stateOf(progress.step).hasStarted = true;
          return say(progress.step, headOf(steps[progress.step - 1]));
        case 'running':
          return say(progress.step, ` ---> Running in ${shortId(progress.containerId)}\n`);
        case 'output': {
          const decoder = stateOf(progress.step).decoders[progress.stream];
          return say(progress.step, decoder.write(Buffer.from(progress.bytes)));
        }
        case 'image':
          stateOf(progress.step).result = ` ---> ${shortId(progress.id)}\n`;
          return true;
        case 'cached':
        case 'done': {
          const { step, kind } = progress;
          const told = say(step, `${kind === 'cached' ? ' ---> Using cache\n' : ''}${stateOf(step).result}`);
          finish(step);
          return told;
        }
        case 'pulling': {
          if (progress.progress) return true;
          const text = `Pulling ${familiarText(progress.reference)}\n`;
          const isUnderWay = progress.step !== undefined && states.get(progress.step)?.hasStarted;
          return isUnderWay ? say(progress.step ?? 0, text) : output.write(text);
        }
        case 'warning':
          return say(progress.step ?? 0, warningText(progress));
        case 'exporting':
          return output.write(` ---> ${progress.text}\n`);
        case 'pushing': {
          const { reference, progress: push } = progress;
          return push.kind !== 'tag' || output.write(`Pushed ${familiarText(reference)} ${push.digest}\n`);
        }
        case 'failed':
          failed ??= progress.step;
          return true;
        case 'cancelled':
          return true;
      }
    },
    drained: () => output.drained(),
    end() {
      const rest = [...states.keys()].filter((step) => step !== failed).sort((a, b) => a - b);
      for (const step of [...rest, ...(failed === undefined ? [] : [failed])]) release(step);
    },
  };
}

interface StepState {
  hasStarted: boolean;
  hasEnded: boolean;
  decoders: Record<'stdout' | 'stderr', StringDecoder>;
  /** What is said of its result when it ends. */
  result: string;
  held: string;
}

const newState = (): StepState => ({
  hasStarted: false,
  hasEnded: false,
  decoders: { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') },
  result: '',
  held: '',
});

const headOf = (step: BuildStep | undefined): string =>
  step === undefined ? '' : `Step ${step.number}/${step.of} : ${step.text}\n`;

const warningText = ({ message, place }: BuildProgress & { kind: 'warning' }): string =>
  `[Warning] ${message}${place === undefined ? '' : ` (line ${place.line})`}\n`;

const familiarText = (reference: string): string => reference.replace(/^docker\.io\/(?:library\/)?/, '');
