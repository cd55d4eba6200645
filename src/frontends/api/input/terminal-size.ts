import { invalid } from '../../../foundation/base/errors.ts';
import { parseInteger } from './query.ts';

/** `h` rows and `w` columns, both required. */
export function queryTerminalSize(query: URLSearchParams): { rows: number; columns: number } {
  const rows = parseInteger(query.get('h') ?? '');
  const columns = parseInteger(query.get('w') ?? '');
  if (rows < 0 || columns < 0 || rows > 65_535 || columns > 65_535)
    throw invalid(`invalid terminal size ${columns}x${rows}`, { code: 'bad-terminal-size' });
  return { rows, columns };
}
