import type { BuildEventJson, BuildStepJson } from '../../../../foundation/wire/silo/build-session.ts';
import { formatSize } from '../../output/units.ts';
import { visible } from '../../output/text.ts';

/** How one step stands. */
export interface StepState {
  step: BuildStepJson;
  phase: 'waiting' | 'running' | 'cached' | 'done' | 'failed' | 'cancelled';
  startedAtMs: number;
  endedAtMs: number;
  /** The last lines that it printed, complete ones and the one that is not. */
  lines: string[];
  open: string;
  error: string;
}

/** What a view knows of a build: the steps by number, from the events in their order. */
export interface Steps {
  readonly all: ReadonlyMap<number, StepState>;
  /** Gives the step that it was about. */
  take(event: BuildEventJson): StepState | undefined;
}

/** Lines of a step that are kept: for the screen, and for the message when it fails. */
const mostLines = 50;
/** A line without an end is cut here. */
const longestLine = 8192;

export function createSteps(): Steps {
  const all = new Map<number, StepState>();
  return {
    all,
    take(event) {
      if (event.kind === 'plan') {
        for (const step of event.steps)
          all.set(step.number, {
            step,
            phase: 'waiting',
            startedAtMs: 0,
            endedAtMs: 0,
            lines: [],
            open: '',
            error: '',
          });
        return undefined;
      }
      const state = 'step' in event && event.step !== undefined ? all.get(event.step) : undefined;
      if (state === undefined) return undefined;
      if (event.kind === 'output') addOutput(state, event.text);
      else if (event.kind === 'started') {
        state.phase = 'running';
        state.startedAtMs = event.atMs;
      } else if (
        event.kind === 'failed' ||
        event.kind === 'cached' ||
        event.kind === 'done' ||
        event.kind === 'cancelled'
      ) {
        state.phase = event.kind;
        state.endedAtMs = event.atMs;
        if (event.kind === 'failed') state.error = event.message;
      }
      return state;
    },
  };
}

function addOutput(state: StepState, text: string): void {
  const lines = (state.open + text).split('\n');
  state.open = (lines.pop() ?? '').slice(-longestLine);
  for (const line of lines) state.lines.push(line.slice(0, longestLine));
  if (state.lines.length > mostLines) state.lines.splice(0, state.lines.length - mostLines);
}

/** `[build 2/5] RUN make` */
export function titleOf({ step }: StepState, all: ReadonlyMap<number, StepState>): string {
  const ofStage = [...all.values()].filter((other) => other.step.stage === step.stage);
  const place = ofStage.findIndex((other) => other.step.number === step.number) + 1;
  const stage = /^\d+$/.test(step.stage) ? `stage-${step.stage}` : step.stage;
  const isAlone = new Set([...all.values()].map((other) => other.step.stage)).size === 1;
  const text = step.text.length > 500 ? `${step.text.slice(0, 499)}…` : step.text;
  return visible(`[${isAlone ? '' : `${stage} `}${place}/${ofStage.length}] ${text}`);
}

/** A line as a terminal would show it in the end: what a carriage return threw away is gone. */
export const lastShown = (line: string): string => {
  const parts = line.replace(/\r+$/, '').split('\r');
  return visible((parts.at(-1) ?? '').replaceAll('\t', '    '));
};

export const secondsOf = (ms: number): string => `${(Math.max(0, ms) / 1000).toFixed(1)}s`;

/** What was sent of a context. */
export function contextText({
  context,
  files,
  bytes,
  totalFiles,
  totalBytes,
}: Extract<BuildEventJson, { kind: 'context' }>): string {
  const name = context === '' ? 'context' : `context ${visible(context)}`;
  const count = (number: number): string => `${number} ${number === 1 ? 'file' : 'files'}`;
  const whole = `${count(totalFiles)}, ${formatSize(totalBytes)}`;
  if (files === totalFiles) return `${name}: ${whole}`;
  return `${name}: ${whole}, ${files === 0 ? 'all here already' : `${count(files)} new, ${formatSize(bytes)}`}`;
}
