import type { BuildEventJson } from '../../../../foundation/wire/silo/build-session.ts';
import type { CliOutput } from '../../io.ts';
import { visible } from '../../output/text.ts';
import { contextText, createSteps, lastShown, secondsOf, type StepState, titleOf } from './steps.ts';
import type { BuildView } from './view.ts';

/** One line for each thing that happens, with the number of its step in front: for pipes and logs. */
export function createPlainView(out: CliOutput): BuildView {
  const steps = createSteps();
  const open = new Map<number, { started: boolean; rest: string; firstAtMs: number }>();
  const say = (step: number, text: string): void => void out.write(`#${step} ${text}\n`);
  const stateOf = (number: number) => {
    const state = open.get(number) ?? { started: false, rest: '', firstAtMs: 0 };
    open.set(number, state);
    return state;
  };
  const title = (state: StepState): void => {
    const shown = stateOf(state.step.number);
    if (shown.started) return;
    shown.started = true;
    say(state.step.number, titleOf(state, steps.all));
  };
  const output = (number: number, text: string): void => {
    const state = stateOf(number);
    const lines = (state.rest + text).split('\n');
    state.rest = lines.pop() ?? '';
    for (const line of lines) say(number, lastShown(line));
  };
  const ended = (state: StepState, text: string): void => {
    const { number } = state.step;
    title(state);
    const { rest } = stateOf(number);
    if (rest !== '') say(number, lastShown(rest));
    stateOf(number).rest = '';
    say(number, text);
  };

  const ofStep = (event: BuildEventJson, state: StepState): void => {
    if (event.kind === 'started') title(state);
    else if (event.kind === 'output') {
      title(state);
      output(event.step, event.text);
    } else if (event.kind === 'cached') ended(state, 'CACHED');
    else if (event.kind === 'done') ended(state, `DONE ${secondsOf(state.endedAtMs - state.startedAtMs)}`);
    else if (event.kind === 'failed') ended(state, `ERROR: ${visible(firstLine(event.message))}`);
    else if (event.kind === 'cancelled') ended(state, 'CANCELED');
  };

  return {
    event(event) {
      const state = steps.take(event);
      if (state !== undefined) ofStep(event, state);
      if (event.kind === 'context') say(0, contextText(event));
      else if (event.kind === 'exporting') say(0, visible(event.text));
      else if (event.kind === 'warning') {
        const place = event.line === undefined ? '' : ` (line ${event.line})`;
        say(event.step ?? 0, `WARNING: ${visible(event.message)}${place}`);
      } else if (event.kind === 'pulling' && event.layer === undefined)
        say(event.step ?? 0, `pulling ${visible(familiar(event.reference))}`);
      else if (event.kind === 'pushing' && event.digest !== undefined)
        say(0, `pushed ${visible(familiar(event.reference))} ${visible(event.digest)}`);
    },
    note: (text) => void out.write(`#0 ${visible(text)}\n`),
    end: () => undefined,
  };
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/** As people write names of Docker's registry. */
export const familiar = (reference: string): string => reference.replace(/^docker\.io\/(?:library\/)?/, '');
