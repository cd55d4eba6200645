import { SiloError } from '../../../foundation/base/errors.ts';
import type { Client } from '../../client/client.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { formatTableOption } from '../output/option-specs.ts';
import { checkFormat, formatRows } from '../output/rows.ts';
import { shortId } from '../output/text.ts';
import { writeOut } from '../streams/session.ts';
import { statsRow, statsShape } from './stats/row.ts';
import { fitTable, redraw } from './stats/screen.ts';
import { createWatching, type Watching } from './stats/watch.ts';

const options = {
  all: { kind: 'bool', short: 'a', summary: 'Show all containers (default shows just running)' },
  format: formatTableOption,
  'no-stream': { kind: 'bool', summary: 'Disable streaming stats and only pull the first result' },
  'no-trunc': { kind: 'bool', summary: 'Do not truncate output' },
} as const;

export const command = defineCommand({
  name: 'stats',
  summary: 'Display a live stream of container(s) resource usage statistics',
  usage: '[CONTAINER...]',
  aliases: ['container stats', 'stats'],
  options,
  args: { min: 0 },
  formatPreference: 'statsFormat',
  examples: [
    'silo stats',
    'silo stats --no-stream web db',
    "silo stats --format 'table {{.Name}}\\t{{.CPUPerc}}\\t{{.CPUPressure}}\\t{{.MemPressure}}\\t{{.IOPressure}}'",
  ],
  completion: 'running-containers',
  async run(invocation) {
    checkFormat(invocation.options.format);
    const client = await invocation.client();
    return invocation.options['no-stream'] ? showOnce(client, invocation) : showLive(client, invocation);
  },
});

type Call = Invocation<typeof options>;

/** All at once, measured over one second. */
async function showOnce(client: Client, { options: given, args, io }: Call): Promise<number> {
  const names = args.length > 0 ? args : (await listed(client, given.all)).map(({ Id }) => Id);
  const rows = await Promise.all(
    names.map(async (name) => {
      const shownAs = args.length > 0 || given['no-trunc'] ? name : shortId(name);
      try {
        for await (const now of await client.containers.stats(name, { stream: false }))
          return statsRow({ container: shownAs, now, before: undefined }, { full: given['no-trunc'] });
      } catch (error) {
        // Of those that were listed, one may be gone by now.
        if (args.length > 0 || !isGone(error)) throw error;
      }
      return undefined;
    }),
  );
  io.stdout.write(
    formatRows(
      rows.filter((row) => row !== undefined),
      given.format,
      statsShape,
    ),
  );
  return 0;
}

const listed = (client: Client, all: boolean): ReturnType<Client['containers']['list']> =>
  client.containers.list({ all });

const isGone = (error: unknown): boolean => error instanceof SiloError && error.kind === 'not-found';

/** How often the picture may change, and how often lines are printed where there is no picture. */
const frameMs = { terminal: 250, lines: 1000 };

async function showLive(client: Client, { options: given, args, io }: Call): Promise<number> {
  using cleanup = new DisposableStack();
  const abort = new AbortController();
  cleanup.defer(() => abort.abort());
  const failed = Promise.withResolvers<never>();
  const watching = createWatching(client, {
    signal: abort.signal,
    onChange: () => frame.ask(),
    onError: (error) => {
      if (args.length > 0 || !isGone(error)) failed.reject(error);
    },
  });
  const draw = createDrawing(watching, { options: given, io });
  const frame = cleanup.use(createFrame(draw, io.stdout.isTTY ? frameMs.terminal : frameMs.lines));
  if (io.stdout.isTTY) {
    io.stdout.write('\x1b[2J');
    await draw();
    cleanup.use(io.onSignal('SIGWINCH', () => void draw()));
    cleanup.defer(() => void io.stdout.write('\n'));
  }
  const ends =
    args.length > 0
      ? followNamed(client, watching, args)
      : followAll(client, watching, { ...given, signal: abort.signal });
  await Promise.race([ends, failed.promise]);
  return 0;
}

/** Until the last of them is removed. */
async function followNamed(client: Client, watching: Watching, names: readonly string[]): Promise<void> {
  // A name that is not there is an error before anything is drawn.
  for (const name of names) await client.containers.inspect(name);
  for (const name of names) watching.add(name, name);
  await watching.idle();
}

/** Containers come and go with their events; they are heard before the list is read, so none is missed. */
async function followAll(
  client: Client,
  watching: Watching,
  { all, signal, 'no-trunc': full }: { all: boolean; signal: AbortSignal; 'no-trunc': boolean },
): Promise<void> {
  const [comes, goes] = all ? ['create', 'destroy'] : ['start', 'die'];
  const filters = { type: ['container'], event: [comes, goes, 'destroy'] };
  const events = await client.system.events({ filters, signal });
  const add = (id: string): void => watching.add(id, full ? id : shortId(id));
  for (const { Id } of await listed(client, all)) add(Id);
  for await (const event of events)
    if (event.Action === comes) add(event.Actor.ID);
    else watching.remove(event.Actor.ID);
}

/** On a terminal the picture is drawn over the last one; elsewhere the lines follow each other. */
function createDrawing(
  watching: Watching,
  { options: given, io }: Pick<Call, 'options' | 'io'>,
): () => Promise<void> {
  return async () => {
    const rows = [...watching.seen.values()].map((seen) => statsRow(seen, { full: given['no-trunc'] }));
    if (!io.stdout.isTTY) return writeOut(io.stdout, Buffer.from(formatRows(rows, given.format, statsShape)));
    const { columns = 80, rows: height = 24 } = io.stdout;
    await writeOut(io.stdout, Buffer.from(redraw(fitTable(rows, given.format, { columns, rows: height }))));
  };
}

/** Gathers changes to one drawing, and waits for the output to take it. */
function createFrame(draw: () => Promise<void>, periodMs: number): Disposable & { ask(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    ask() {
      timer ??= setTimeout(() => {
        void draw().finally(() => (timer = undefined));
      }, periodMs);
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
