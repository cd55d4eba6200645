import { expect, test } from 'bun:test';
import { sampleContainer } from '../../testing/sample-records.ts';
import { toContainerSummary } from '../../translate/container-summary.ts';
import { summariesText, summaryText } from './summary-text.ts';

const network = { networks: [], ports: [] };

test('kept lines are those that would be made, whatever labels and names look like', () => {
  const container = sampleContainer({
    state: {
      status: 'exited',
      startedAtMs: 1,
      finishedAtMs: 1000,
      exitCode: 3,
      oomKilled: false,
      stoppedByUser: false,
    },
  });
  const record = {
    ...container,
    config: { ...container.config, labels: { Status: 'x', 'a"b': '"Status":"y"' } },
  };
  for (const nowMs of [2000, 9000, 4_000_000])
    for (const imageName of ['one', 'two']) {
      const view = { network, imageName, nowMs };
      expect(JSON.parse(summaryText(record, view))).toEqual(
        JSON.parse(JSON.stringify(toContainerSummary(record, view))),
      );
    }
});

test('a list keeps its order and leaves out what is gone', async () => {
  const records = Array.from({ length: 1201 }, (_, index) => sampleContainer({ name: `c${index}` }));
  const text = await summariesText(records, (record) =>
    record.name === 'c7' ? undefined : { network, imageName: 'i', nowMs: 0 },
  );
  const names = (JSON.parse(text) as { Names: string[] }[]).map(({ Names }) => Names[0]);
  expect(names).toEqual(records.map(({ name }) => `/${name}`).filter((name) => name !== '/c7'));
});
