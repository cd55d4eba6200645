import { type Case, timed } from '../case.ts';
import { command } from '../command.ts';
import { launchIdle } from '../containers.ts';
import { createBundles } from '../fixtures/bundle.ts';

export const execTrue: Case = {
  name: 'exec-true',
  title: 'exec `true`',
  unit: 'ms',
  target: 15,
  runs: 15,
  async prepare(engine) {
    const { api } = engine;
    const { id, cleanup } = await launchIdle(engine);
    return {
      /** Create, start with the output attached until its end, ask for the exit code: what the command line client does. */
      once: () =>
        timed(async () => {
          const body = { AttachStdout: true, AttachStderr: true, Cmd: ['true'] };
          const created = await api.call('POST', `/containers/${id}/exec`, { body });
          const exec = (created.json() as { Id: string }).Id;
          await api.call('POST', `/exec/${exec}/start`, {
            body: { Detach: false, Tty: false },
            headers: { Connection: 'Upgrade', Upgrade: 'tcp' },
          });
          const ended = (await api.call('GET', `/exec/${exec}/json`)).json() as { ExitCode: number };
          if (ended.ExitCode !== 0) throw new Error(`the exec ended with ${ended.ExitCode}`);
        }),
      cleanup,
    };
  },
  async prepareFloor(fixtures) {
    const bundles = await createBundles(fixtures);
    const bundle = await bundles.make(['sleep', '100000']);
    const id = bundles.nextId();
    await command([...bundles.crun, 'run', '--detach', '--bundle', bundle, id]);
    return {
      once: () => timed(() => command([...bundles.crun, 'exec', id, 'true'])),
      cleanup: () => command([...bundles.crun, 'delete', '--force', id]),
    };
  },
};
