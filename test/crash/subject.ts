import { eventually } from '../e2e/footprint.ts';
import { ask, inspect, logs, runOnce, start, wait } from '../e2e/objects.ts';
import { createSubject, type World } from './world.ts';

/**
 * An operation during which the engine dies. `prepare` runs on a healthy engine, which is then killed; `act` on one that dies at its fault
 * point; `verify` on the next one: what the operation made is there wholly or not at all, and the operation can be done again.
 */
export interface Scenario {
  prepare?(world: World): Promise<unknown>;
  whileDead?(world: World): Promise<unknown>;
  /** Absent: the start of the engine is the operation. */
  act?(world: World): Promise<unknown>;
  verify(world: World): Promise<void>;
}

export const startSubject = async (world: World): Promise<void> => {
  await createSubject(world);
  await start(world.engine, 'subject');
};

/** From whatever state: it can be started, says so, can be killed, and the code is known. */
export async function runsAndEnds({ engine }: World): Promise<void> {
  const { State } = await inspect(engine, 'subject');
  if (!State.Running) await start(engine, 'subject');
  const begun = await eventually(async () => (await logs(engine, 'subject')) === 'begun\n');
  if (!begun) throw new Error(`the log of the subject is ${JSON.stringify(await logs(engine, 'subject'))}`);
  await ask(engine, 'POST', '/containers/subject/kill');
  const code = await wait(engine, 'subject');
  if (code !== 137) throw new Error(`the killed subject ended with ${code}`);
}

export async function hasEnded({ engine }: World): Promise<void> {
  const code = await wait(engine, 'subject');
  const { State } = await inspect(engine, 'subject');
  if (code !== 137 || State.ExitCode !== 137)
    throw new Error(`the exit code is ${code}, ${JSON.stringify(State)}`);
  expectOneOf(State.Status, ['exited']);
  if ((await logs(engine, 'subject')) !== 'begun\n')
    throw new Error('the log of the ended subject is not whole');
  await start(engine, 'subject');
}

export async function runsWith(
  engine: World['engine'],
  HostConfig: Record<string, unknown>,
  command: string,
): Promise<void> {
  const { code, output } = await runOnce(engine, 'check', { Cmd: ['sh', '-c', command], HostConfig });
  if (code !== 0) throw new Error(`${command}: exit code ${code}, ${output}`);
}

export function expectOneOf(found: string, wanted: string[]): void {
  if (!wanted.includes(found)) throw new Error(`the state is ${found}, not ${wanted.join(' or ')}`);
}
