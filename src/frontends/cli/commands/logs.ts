import { demultiplex } from '../../client/stream-connection.ts';
import { defineCommand } from '../command.ts';
import { parseTimeOption } from '../parse/time.ts';
import { followLogs } from '../streams/follow-logs.ts';
import { writeOut } from '../streams/session.ts';

export const command = defineCommand({
  name: 'logs',
  summary: 'Fetch the logs of a container',
  usage: 'CONTAINER',
  aliases: ['container logs', 'logs'],
  options: {
    details: { kind: 'bool', summary: 'Show extra details provided to logs' },
    follow: { kind: 'bool', short: 'f', summary: 'Follow log output' },
    since: {
      kind: 'string',
      summary:
        'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    },
    tail: {
      kind: 'string',
      short: 'n',
      default: 'all',
      summary: 'Number of lines to show from the end of the logs',
    },
    timestamps: { kind: 'bool', short: 't', summary: 'Show timestamps' },
    until: {
      kind: 'string',
      summary:
        'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    },
  },
  args: { min: 1, max: 1 },
  completion: 'containers',
  examples: ['silo logs -f web', 'silo logs --since 10m --tail 100 -t web'],
  async run({ options, args, io, client: connect }) {
    const client = await connect();
    const container = await client.containers.inspect(args[0] ?? '');
    const now = io.now();
    const wanted = {
      stdout: true,
      stderr: true,
      follow: options.follow,
      timestamps: options.timestamps,
      details: options.details,
      tail: options.tail,
      ...(options.since === '' ? {} : { since: parseTimeOption('since', options.since, now) }),
      ...(options.until === '' ? {} : { until: parseTimeOption('until', options.until, now) }),
    };
    if (options.follow) {
      await followLogs(client, { id: container.Id, tty: container.Config.Tty === true }, io, wanted);
      return 0;
    }
    const logs = await client.containers.logs(container.Id, wanted);
    // Engines below API 1.42 do not say whether output is framed; it is, but for terminals.
    if (logs.multiplexed ?? container.Config.Tty !== true) {
      await demultiplex(logs.body, (stream, piece) =>
        writeOut(stream === 'stderr' ? io.stderr : io.stdout, piece),
      );
    } else for await (const chunk of logs.body) await writeOut(io.stdout, chunk);
    return 0;
  },
});
