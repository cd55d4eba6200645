import { constants } from 'node:os';
import { invalid } from '../../../foundation/base/errors.ts';

const highestSignal = 64;
const realTimeMinimum = 34;

/** Number of `SIGTERM`, `term`, `15`, `RTMIN+3`; Docker's text when unknown. */
export function parseSignal(text: string): number {
  const number = signalNumber(text.trim().toUpperCase());
  if (number !== undefined) return number;
  if (/^-?\d+$/.test(text) && Number(text) !== 0)
    throw invalid(`the linux daemon does not support signal ${text}`, { code: 'invalid-signal' });
  throw invalid(`invalid signal: ${text}`, { code: 'invalid-signal' });
}

function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number >= 1 && number <= highestSignal ? number : undefined;
  }
  const name = text.startsWith('SIG') ? text.slice(3) : text;
  const realTime = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name);
  if (realTime) {
    const number = (realTime[1] === 'MIN' ? realTimeMinimum : highestSignal) + Number(realTime[2] ?? 0);
    return number >= realTimeMinimum && number <= highestSignal ? number : undefined;
  }
  return (constants.signals as Record<string, number>)[`SIG${name}`];
}

const endSignals = new Set(['SIGINT', 'SIGQUIT', 'SIGKILL', 'SIGTERM'].map(parseSignal));

/** Whether the signal's purpose is to end a program. */
export function meansEnd(signal: number): boolean {
  return endSignals.has(signal);
}
