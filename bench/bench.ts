/** Measures Silo against the bare work and, where they are present, Docker and Podman. `--help` lists the options. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { cases, laterRows } from './cases/index.ts';
import { startDocker } from './engines/docker.ts';
import type { Engine } from './engines/engine.ts';
import { startPodman } from './engines/podman.ts';
import { siloProgram, startSilo } from './engines/silo.ts';
import { rememberFirewall } from './fixtures/firewall.ts';
import { createFixtures, type Fixtures } from './fixtures/fixtures.ts';
import { type BenchOptions, parseOptions, usage } from './options.ts';
import { currentCommit, currentLoad, machineFacts, type Results, type Row } from './results.ts';
import { measure } from './rounds.ts';
import { toTable, toText } from './table.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

// Whatever a failed run left open must not keep the benchmark alive.
process.exit(await main(process.argv.slice(2)));

async function main(words: string[]): Promise<number> {
  if (words.includes('--help')) {
    console.log(usage);
    return 0;
  }
  let options: BenchOptions;
  try {
    options = parseOptions(words);
  } catch (error) {
    say(`bench: ${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  const refusal = reasonToRefuse(options);
  if (refusal !== undefined) {
    say(`bench: ${refusal}`);
    return 2;
  }
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
  try {
    const results = await run(options, interruption.signal);
    console.log(`\n${describe(results)}\n\n${toText(toTable(results))}`);
    const file = options.json ?? defaultFile(options);
    await writeFile(file, `${JSON.stringify(results, undefined, 1)}\n`);
    say(`\nwritten: ${file}`);
    const failed = results.rows.some(
      (row) => row.outcomes.silo !== undefined && 'failed' in row.outcomes.silo,
    );
    return failed ? 1 : 0;
  } catch (error) {
    say(`bench: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

function reasonToRefuse(options: BenchOptions): string | undefined {
  if (process.getuid?.() !== 0) return 'engines need root: run it as root';
  const limit = cpus().length / 2;
  if (currentLoad() <= limit) return undefined;
  const busy = `the load average is ${currentLoad()} on ${cpus().length} processors`;
  if (!options.force)
    return `${busy}, the figures would mean little: wait until it is below ${limit}, or give --force`;
  say(`bench: ${busy}: trust only the ratios`);
  return undefined;
}

async function run(options: BenchOptions, signal: AbortSignal): Promise<Results> {
  const program = siloProgram();
  const load = currentLoad();
  await using undo = new AsyncDisposableStack();
  undo.defer(await rememberFirewall());
  const fixtures = undo.use(await createFixtures());
  const engines = await startEngines(options, fixtures, undo);
  const rows: Row[] = [];
  for (const source of options.cases) {
    say(source.name);
    try {
      rows.push(
        await measure(source, {
          engines,
          floor: options.subjects.includes('floor'),
          fixtures,
          signal,
          say,
          ...(options.runs === undefined ? {} : { runs: options.runs }),
        }),
      );
    } catch (error) {
      if (!signal.aborted || rows.length === 0) throw error;
      say(`interrupted in ${source.name}: the rows before it are kept`);
      break;
    }
  }
  return {
    when: new Date().toISOString(),
    commit: await currentCommit(),
    silo: program.from,
    machine: machineFacts(),
    load: [load, currentLoad()],
    versions: Object.fromEntries(engines.map(({ name, version }) => [name, version])),
    rows,
    later: laterRows,
  };
}

/** An engine that cannot be started is missing from the table, and the reason is said; Silo must start. */
async function startEngines(
  options: BenchOptions,
  fixtures: Fixtures,
  undo: AsyncDisposableStack,
): Promise<Engine[]> {
  const program = siloProgram();
  const engines: Engine[] = [];
  const wants = (name: string): boolean => options.subjects.includes(name);
  const peers = findPeers(options);
  const host = process.env['DOCKER_HOST'];
  const docker = host ? { host } : peers === undefined ? undefined : { peers };
  const add = async (name: string, start: () => Promise<Engine>): Promise<void> => {
    say(`starting ${name}`);
    try {
      engines.push(undo.use(await start()));
    } catch (error) {
      if (name.startsWith('silo')) throw error;
      say(`  ${name} takes no part: ${String(error)}`);
    }
  };
  if (wants('silo')) await add(`silo (${program.from})`, () => startSilo(fixtures, program));
  if (wants('docker') && docker !== undefined) await add('docker', () => startDocker(fixtures, docker));
  if (wants('podman') && peers !== undefined) await add('podman', () => startPodman(fixtures, peers));
  return engines;
}

function findPeers({ peers }: BenchOptions): string | undefined {
  const given = peers ?? process.env['SILO_PEERS'];
  const path = given === undefined ? join(import.meta.dir, '../../shared/tools/peers') : resolve(given);
  if (existsSync(path)) return path;
  if (given !== undefined) throw new Error(`no such file: ${path}`);
  return undefined;
}

/** Only a run of everything may become the latest. */
function defaultFile(options: BenchOptions): string {
  const whole = options.cases.length === cases.length && options.subjects.length === 4;
  return join(import.meta.dir, 'results', whole ? 'latest.json' : 'partial.json');
}

function describe(results: Results): string {
  const { machine, versions } = results;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.system}, kernel ${machine.kernel}, ${machine.processors} x ${machine.processor}, ${machine.memoryGb} GB; load ${results.load.join(' -> ')}`,
    `${names.join(', ')}; silo from ${results.silo} at ${results.commit}; medians in ms unless the row says otherwise`,
  ].join('\n');
}
