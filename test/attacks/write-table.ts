import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withTables } from './table.ts';

/** `bun test/attacks/write-table.ts` after a change of `escapes.ts` or `rows.ts`. */
const page = join(import.meta.dir, '../../docs/security.md');
writeFileSync(page, withTables(readFileSync(page, 'utf8')));
