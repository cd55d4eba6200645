import type { TestEngine } from '../e2e/harness.ts';
import { exists } from '../e2e/objects.ts';
import { get } from '../files/ask.ts';

/** What a client was promised of its container; undefined while a request without an answer, or a disaster, leaves it open. */
export interface Promised {
  id: string;
  exists: boolean | undefined;
  running: boolean | undefined;
  name: string | undefined;
  pidsLimit: number | undefined;
  /** Content of the file that was copied in last. */
  file: string | undefined;
  restarts: boolean;
  /** How often others meddled with its state. */
  touches: number;
}

/** Names of volumes and networks, and whether they are there. */
export type Things = Map<string, boolean | undefined>;

interface Shown {
  Name: string;
  State: { Status: string; Running: boolean; Error: string };
  HostConfig: { PidsLimit: number | null };
}

/** What is not as it was promised, one line each. */
export async function brokenPromises(engine: TestEngine, promised: Promised): Promise<string[]> {
  const { id } = promised;
  const answer = await engine.api('GET', `/containers/${id}/json`);
  const isThere = answer.status === 200;
  if (promised.exists !== undefined && promised.exists !== isThere)
    return [`container ${id}: promised to ${promised.exists ? 'exist' : 'be gone'}, answered ${answer.text}`];
  if (!isThere) return [];
  const { Name, State, HostConfig } = JSON.parse(answer.text) as Shown;
  const broken: string[] = [];
  if (promised.running !== undefined && promised.running !== State.Running)
    broken.push(
      `container ${id}: promised ${promised.running ? 'running' : 'stopped'}, is ${JSON.stringify(State)}`,
    );
  if (promised.name !== undefined && Name !== `/${promised.name}`)
    broken.push(`container ${id}: promised the name ${promised.name}, has ${Name}`);
  if (promised.pidsLimit !== undefined && HostConfig.PidsLimit !== promised.pidsLimit)
    broken.push(`container ${id}: promised ${promised.pidsLimit} processes, has ${HostConfig.PidsLimit}`);
  if (promised.file !== undefined) {
    const { status, body } = await get(engine, id, '/chaos-file');
    if (status !== 200 || !body.includes(promised.file))
      broken.push(`container ${id}: its file with ${promised.file} is lost (${status})`);
  }
  return broken;
}

export async function brokenThings(
  engine: TestEngine,
  kind: 'volumes' | 'networks',
  things: Things,
): Promise<string[]> {
  const broken: string[] = [];
  for (const [name, wanted] of things)
    if (wanted !== undefined && (await exists(engine, `/${kind}/${name}`)) !== wanted)
      broken.push(`${kind} ${name}: promised to ${wanted ? 'exist' : 'be gone'}`);
  return broken;
}
