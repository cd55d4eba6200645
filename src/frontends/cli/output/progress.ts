import type { JsonMessage, ProgressDetailJson } from '../../../foundation/wire/docker/json-message.ts';
import type { CliOutput } from '../io.ts';
import { visible } from './text.ts';
import { formatSize } from './units.ts';

/**
 * Shows a progress stream: on a terminal one line per layer that is drawn over, otherwise a plain line per step. Lines without an id are
 * printed as they come.
 */
export async function showProgress(
  messages: AsyncIterable<JsonMessage>,
  out: CliOutput,
  onAux: (aux: unknown) => void = () => undefined,
): Promise<void> {
  const draw = out.isTTY === true ? terminalLines(out) : plainLine;
  for await (const message of messages) {
    if (message.aux !== undefined) onAux(message.aux);
    else out.write(draw(message));
  }
}

function plainLine(message: JsonMessage): string {
  if (message.stream !== undefined) return visible(message.stream);
  if (progressText(message.progressDetail, 80) !== '') return '';
  return `${message.id === undefined ? '' : `${visible(message.id)}: `}${visible(message.status ?? '')}\n`;
}

function terminalLines(out: CliOutput): (message: JsonMessage) => string {
  let lines = new Map<string, number>();
  return (message) => {
    const { id, progressDetail } = message;
    if (id === undefined || progressDetail === undefined) {
      lines = new Map();
      return plainLine(message);
    }
    let text = '';
    let line = lines.get(id);
    if (line === undefined) {
      line = lines.size;
      lines.set(id, line);
      text += '\n';
    }
    const up = lines.size - line;
    const columns = out.columns ?? 80;
    const progress = progressText(progressDetail, columns);
    const words = `${visible(id)}: ${visible(message.status ?? '')}${progress === '' ? '' : ` ${progress}`}`;
    // A line that wraps would break the count of lines above.
    return `${text}\u001b[${up}A\u001b[2K\r${words.slice(0, columns - 1)}\r\u001b[${up}B`;
  };
}

/** `[=====>   ]  1.2MB/3.4MB`, as wide as there is room for. */
export function progressText(progress: ProgressDetailJson | undefined, columns: number): string {
  const current = progress?.current ?? 0;
  const total = progress?.total ?? 0;
  if (current <= 0 && total <= 0) return '';
  const amount = (bytes: number): string => formatSize(bytes, 4);
  if (progress?.units !== undefined && progress.units !== '')
    return total > 0 ? `${current}/${total} ${progress.units}` : `${current} ${progress.units}`;
  if (total <= 0) return amount(current).padStart(8);
  const half = Math.min(50, Math.trunc(Math.trunc((current / total) * 100) / 2));
  const bar = columns > 110 ? `[${'='.repeat(half)}>${' '.repeat(50 - half)}] ` : '';
  const numbers =
    current > total ? amount(current).padStart(8) : `${amount(current).padStart(8)}/${amount(total)}`;
  return bar + (progress?.hidecounts === true ? '' : numbers) + timeLeft(progress, current, total, columns);
}

function timeLeft(
  progress: ProgressDetailJson | undefined,
  current: number,
  total: number,
  columns: number,
): string {
  const started = progress?.start ?? 0;
  if (started <= 0 || current <= 0 || current >= total || columns <= 50) return '';
  const seconds = Math.trunc(((Date.now() / 1000 - started) / current) * (total - current));
  return ` ${formatSpan(seconds)}`;
}

/** `1h2m3s`, as Go prints a duration of whole seconds. */
function formatSpan(seconds: number): string {
  const [hours, minutes] = [Math.trunc(seconds / 3600), Math.trunc(seconds / 60) % 60];
  const rest = `${seconds % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
