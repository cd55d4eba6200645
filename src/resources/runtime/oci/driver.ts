import { mkdir } from 'node:fs/promises';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { Log } from '../../../foundation/base/log.ts';
import type { Reactor } from '../../../foundation/kernel/reactor.ts';
import type { RuntimeDriver, RuntimeExit } from '../runtime.ts';
import { createStreams } from './attach.ts';
import { createCgroups } from './cgroups.ts';
import { createLifecycle, getTracked } from './containers.ts';
import type { Context } from './context.ts';
import { createExecs } from './execs.ts';
import { watchExits } from './exits.ts';
import { createLiveLimits } from './limits.ts';
import { createLayout } from './layout.ts';
import { recover } from './recover.ts';
import { createRuntimePrograms, runRuntime } from './runtime-program.ts';
import { createSeccompCache } from './seccomp-cache.ts';
import { createUsageReader } from './usage.ts';

export interface OciDriverOptions {
  /** The driver's own folder (0700), below the exec root: it must not outlive a reboot. */
  directory: string;
  reactor: Reactor;
  log: Log;
  /** Executables by the names that `--runtime` takes; one called `crun` is started without a process. */
  runtimes: Readonly<Record<string, string>>;
  defaultRuntime: string;
  conmon: string;
  /** For each call of the runtime. Default 30 seconds. */
  deadlineMs?: number;
}

/** Containers by conmon and an OCI runtime on cgroupfs. Disposing stops listening; the containers go on. */
export async function createOciDriver(options: OciDriverOptions): Promise<RuntimeDriver> {
  const { directory, reactor, log, conmon } = options;
  const layout = createLayout(directory);
  const roots = Object.keys(options.runtimes).map((name) => layout.runtimeRoot(name));
  for (const folder of [directory, layout.exits, ...roots])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  const listeners = new Set<(exit: RuntimeExit) => void>();
  const context: Context = {
    layout,
    reactor,
    log,
    conmon,
    programs: createRuntimePrograms(layout, options.runtimes, options.defaultRuntime),
    cgroups: createCgroups(),
    seccomp: createSeccompCache(),
    deadlineMs: options.deadlineMs ?? 30_000,
    containers: new Map(),
    execs: new Map(),
    emit(exit) {
      for (const listener of listeners) listener(exit);
    },
  };
  const exits = watchExits(context);
  const freeze = async (id: ContainerId, command: 'pause' | 'resume'): Promise<void> => {
    const { record } = getTracked(context, id);
    const program = context.programs.get(record.runtimeName);
    await runRuntime(program, { args: [command, id], deadlineMs: context.deadlineMs });
  };
  return {
    name: 'oci',
    containers: {
      ...createLifecycle(context),
      recover: () => recover(context, directory),
      onExit(listener) {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
    },
    streams: createStreams(context),
    execs: createExecs(context),
    freezer: {
      isFrozen: (id) => context.cgroups.isFrozen(getTracked(context, id).record.cgroupsPath),
      pause: (id) => freeze(id, 'pause'),
      resume: (id) => freeze(id, 'resume'),
    },
    usage: createUsageReader(context),
    limits: createLiveLimits(context),
    [Symbol.asyncDispose]() {
      listeners.clear();
      exits[Symbol.dispose]();
      context.programs[Symbol.dispose]();
      for (const container of context.containers.values()) container.resources.dispose();
      return Promise.resolve();
    },
  };
}
