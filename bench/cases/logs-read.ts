import { type Case, timed } from '../case.ts';
import { launch, remove, wait } from '../containers.ts';
import { lineCount, writeLines } from './log-lines.ts';

export const logsRead: Case = {
  name: 'logs-read',
  title: '`logs` reads them',
  unit: 'ms',
  target: 400,
  runs: 5,
  async prepare(engine) {
    const { api } = engine;
    const id = await launch(engine, { cmd: writeLines });
    await wait(api, id);
    return {
      async once() {
        let lines = 0;
        const took = await timed(() =>
          api.call('GET', `/containers/${id}/logs?stdout=1&stderr=1`, {
            onData(chunk) {
              for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
            },
          }),
        );
        // Frame headers hold lengths, and a length may hold the byte of a line feed: more lines are possible, fewer are not.
        if (lines < lineCount) throw new Error(`${lines} lines came of ${lineCount}`);
        return took;
      },
      cleanup: () => remove(api, id),
    };
  },
};
