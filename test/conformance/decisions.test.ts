import { expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAt } from './compare.ts';
import { chapters, pullScenarios } from './invocations.ts';
import { knownDifferences, pending } from './known-differences.ts';
import { callsOf } from './scenario.ts';

const page = join(import.meta.dir, '../../docs/decisions.md');
const begin = '<!-- written from test/conformance/known-differences.ts (its README says how) -->\n';
const end = '<!-- end of the differences -->\n';

const shorten = (words: string): string => (words.length > 100 ? `${words.slice(0, 99)}…` : words);

/** Each reason with the calls where it shows, first ones first. */
function listDifferences(): string {
  const places = [...Object.values(chapters).flat(), ...pullScenarios].flatMap((scenario) =>
    callsOf(scenario).map(({ key, call }) => ({ scenario: scenario.name, key, docker: call.docker })),
  );
  const reasons = [...new Set(knownDifferences.map((entry) => entry.reason))];
  const lines = reasons.map((reason) => {
    const entries = knownDifferences.filter((entry) => entry.reason === reason);
    const calls = places.filter(({ scenario, key }) => entries.some((entry) => isAt(entry, scenario, key)));
    const [first] = calls;
    const more = calls.length > 1 ? `, and ${calls.length - 1} more` : '';
    return `- ${reason}: \`docker ${shorten(first?.docker ?? '')}\`${more}.`;
  });
  const waiting = pending.map(({ reason, scenario }) => `- Pending: ${reason} (“${scenario}”).`);
  return [...lines, ...waiting].map((line) => `${line}\n`).join('');
}

test('the page of decisions lists the differences of the table, and no others', () => {
  const text = readFileSync(page, 'utf8');
  const [before = '', rest = ''] = text.split(begin);
  const [listed = '', after = ''] = rest.split(end);
  const wanted = listDifferences();
  if (process.env['SILO_WRITE_DOCS'] === '1') writeFileSync(page, `${before}${begin}${wanted}${end}${after}`);
  else expect(listed).toBe(wanted);
});
