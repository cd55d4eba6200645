import type { CliIo, CliOutput } from '../../io.ts';
import type { ProgressMode } from '../options.ts';
import { createPlainView } from './plain.ts';
import { createTerminalView } from './terminal.ts';
import type { BuildView } from './view.ts';

const silent: BuildView = { event: () => undefined, note: () => undefined, end: () => undefined };

/** `out` is where it is shown; colours and redrawing are for terminals alone. */
export function openView(
  mode: ProgressMode,
  { out, io }: { out: CliOutput; io: Pick<CliIo, 'stdout' | 'stderr' | 'env' | 'now'> },
): BuildView {
  switch (mode) {
    case 'quiet':
      return { ...silent, note: (text) => void io.stderr.write(`${text}\n`) };
    case 'json':
      return {
        ...silent,
        event: (event) => void out.write(`${JSON.stringify(event)}\n`),
        note: (text) => void io.stderr.write(`${text}\n`),
      };
    case 'tty':
      return createTerminalView(out, io);
    case 'plain':
      return createPlainView(out);
    case 'auto':
      return out.isTTY === true && io.env['TERM'] !== 'dumb'
        ? createTerminalView(out, io)
        : createPlainView(out);
  }
}
