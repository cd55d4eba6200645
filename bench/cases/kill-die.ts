import { type Case, nothing } from '../case.ts';
import { launch, remove } from '../containers.ts';

interface EventLine {
  Action?: string;
  status?: string;
  id?: string;
}

export const killDie: Case = {
  name: 'kill-die',
  title: 'kill to `die` event',
  unit: 'ms',
  target: 8,
  runs: 15,
  prepare(engine) {
    const { api } = engine;
    return Promise.resolve({
      async once() {
        const id = await launch(engine, { cmd: ['sleep', '100000'] });
        const died = Promise.withResolvers<number>();
        const filters = encodeURIComponent(JSON.stringify({ container: [id], event: ['die'] }));
        let pending = '';
        using _events = await api.follow(`/events?filters=${filters}`, (chunk) => {
          pending += chunk.toString('utf8');
          const lines = pending.split('\n');
          pending = lines.pop() ?? '';
          if (lines.filter(Boolean).some((line) => isDeath(JSON.parse(line) as EventLine, id)))
            died.resolve(performance.now());
        });
        const start = performance.now();
        await api.call('POST', `/containers/${id}/kill?signal=KILL`);
        const took = (await died.promise) - start;
        await remove(api, id);
        return took;
      },
      cleanup: nothing,
    });
  },
};

function isDeath(event: EventLine, id: string): boolean {
  return event.id === id && (event.Action === 'die' || event.status === 'die' || event.Action === 'died');
}
