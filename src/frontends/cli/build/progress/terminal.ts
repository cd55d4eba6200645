import type { CliIo, CliOutput } from '../../io.ts';
import { visible } from '../../output/text.ts';
import { formatSize } from '../../output/units.ts';
import type { BuildEventJson } from '../../../../foundation/wire/silo/build-session.ts';
import { familiar } from './plain.ts';
import { contextText, createSteps, lastShown, secondsOf, type StepState, titleOf } from './steps.ts';
import type { BuildView } from './view.ts';

/** Fast enough for eyes, and cheap. */
const redrawMs = 100;
/** Lines of output below a step that runs. */
const shownLines = 6;
/** Layers on their way that are kept for the picture: more than any screen shows. */
const mostLayers = 200;

/**
 * A picture that is drawn over while the build runs: steps that are done in one line each, steps that run with the last lines of their output. When it does not fit the screen,
 * the oldest finished steps are left out.
 */
export function createTerminalView(out: CliOutput, { now, env }: Pick<CliIo, 'now' | 'env'>): BuildView {
  const paint = env['NO_COLOR'] === undefined || env['NO_COLOR'] === '' ? colours : plainColours;
  const steps = createSteps();
  const startedAtMs = now();
  const heads: string[] = [];
  const layers = new Map<string, string>();
  let tail = '';
  let drawn = 0;
  let isDirty = true;

  const clear = (): string => (drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`);
  const draw = (outcome?: 'done' | 'failed' | 'canceled'): void => {
    const [columns, rows] = [out.columns || 80, out.rows || 24];
    const lines = picture(outcome, outcome === undefined ? Math.max(4, rows - 1) : Number.POSITIVE_INFINITY);
    const text = lines.map(({ text, paint }) => paint(cut(text, columns - 1))).join('\n');
    out.write(`${clear()}${text}\n`);
    drawn = lines.length;
    isDirty = false;
  };
  const timer = setInterval(() => {
    const isRunning = [...steps.all.values()].some(({ phase }) => phase === 'running');
    if (isDirty || isRunning) draw();
  }, redrawMs);
  timer.unref();

  const picture = (outcome: 'done' | 'failed' | 'canceled' | undefined, most: number): Line[] => {
    const states = [...steps.all.values()];
    const count = states.filter(({ phase }) => phase === 'done' || phase === 'cached').length;
    const total = states.length === 0 ? '' : ` (${count}/${states.length})`;
    const word = outcome === undefined ? '' : ` ${outcome === 'done' ? 'FINISHED' : outcome.toUpperCase()}`;
    const head: Line = {
      text: `[+] Building ${secondsOf(now() - startedAtMs)}${total}${word}`,
      paint: plain,
    };
    const finished: Line[] = heads.map((text) => ({ text: ` => ${text}`, paint: plain }));
    const running: Line[] = [];
    for (const state of states) {
      const text = lineOf(state);
      if (state.phase === 'waiting') continue;
      if (state.phase === 'running') running.push({ text, paint: plain }, ...logOf(state));
      else finished.push({ text, paint: paintOf(state) });
    }
    if (outcome === undefined) {
      for (const text of layers.values()) running.push({ text: ` => => ${text}`, paint: paint.faint });
      if (tail !== '') running.push({ text: ` => ${tail}`, paint: plain });
    }
    const room = Math.max(0, most - 1 - running.length);
    return [head, ...finished.slice(Math.max(0, finished.length - room)), ...running.slice(0, most - 1)];
  };
  const lineOf = (state: StepState): string => {
    const mark =
      state.phase === 'cached'
        ? ' CACHED'
        : state.phase === 'failed'
          ? ' ERROR'
          : state.phase === 'cancelled'
            ? ' CANCELED'
            : '';
    const until = state.phase === 'running' ? now() : state.endedAtMs;
    const time = state.phase === 'cached' ? '0.0s' : secondsOf(until - state.startedAtMs);
    return ` =>${mark} ${titleOf(state, steps.all)}\t${time}`;
  };
  const logOf = ({ lines, open }: StepState): Line[] =>
    [...lines, ...(open === '' ? [] : [open])]
      .slice(-shownLines)
      .map((line) => ({ text: ` => => # ${lastShown(line)}`, paint: paint.faint }));
  const paintOf = ({ phase }: StepState): Paint =>
    phase === 'failed'
      ? paint.red
      : phase === 'cancelled'
        ? paint.yellow
        : phase === 'cached'
          ? paint.blue
          : plain;

  return {
    event(event) {
      isDirty = true;
      steps.take(event);
      if (event.kind === 'context') heads.push(contextText(event));
      else if (event.kind === 'warning') heads.push(`WARNING: ${visible(event.message)}`);
      else if (event.kind === 'exporting') tail = visible(event.text);
      else if (event.kind === 'pulling' || event.kind === 'pushing') showLayer(layers, event);
    },
    note(text) {
      out.write(`${clear()}${visible(text)}\n`);
      drawn = 0;
      draw();
    },
    end(outcome) {
      clearInterval(timer);
      layers.clear();
      draw(outcome);
    },
  };
}

interface Line {
  text: string;
  paint: Paint;
}

type Paint = (text: string) => string;
const plain: Paint = (text) => text;
const sequence =
  (code: number): Paint =>
  (text) =>
    `\u001b[${code}m${text}\u001b[0m`;
const colours = { red: sequence(31), yellow: sequence(33), blue: sequence(34), faint: sequence(2) };
const plainColours: typeof colours = { red: plain, yellow: plain, blue: plain, faint: plain };

/** One row of the terminal; what stands behind a tab goes to its right end. */
function cut(text: string, columns: number): string {
  const [left = '', right = ''] = text.replaceAll('\n', ' ').split('\t');
  const characters = Array.from(left);
  const room = Math.max(10, columns - (right === '' ? 0 : right.length + 1));
  const fitting = characters.length > room ? `${characters.slice(0, room - 1).join('')}…` : left;
  return right === ''
    ? fitting
    : `${fitting}${' '.repeat(Math.max(1, columns - Array.from(fitting).length - right.length))}${right}`;
}

function showLayer(
  layers: Map<string, string>,
  event: Extract<BuildEventJson, { kind: 'pulling' | 'pushing' }>,
): void {
  const { layer, reference } = event;
  const name = visible(familiar(reference));
  if (layer === undefined) return keep(layers, reference, `${event.kind} ${name}`);
  const { id, phase, currentBytes, totalBytes } = layer;
  const size =
    currentBytes === undefined
      ? ''
      : ` ${formatSize(currentBytes)}${totalBytes === undefined ? '' : `/${formatSize(totalBytes)}`}`;
  if (phase === 'complete' || phase === 'exists' || phase === 'pushed') layers.delete(id);
  else keep(layers, id, visible(`${id.slice(0, 12)} ${phase}${size}`));
}

/** The one that began first makes room. */
function keep(layers: Map<string, string>, id: string, text: string): void {
  layers.set(id, text);
  const [first] = layers.keys();
  if (layers.size > mostLayers && first !== undefined) layers.delete(first);
}
