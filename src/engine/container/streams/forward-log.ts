import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hostname } from 'node:os';
import { unavailable } from '../../../foundation/base/errors.ts';
import { formatJournal, formatJournalSender } from '../../../resources/logs/forward/journal-format.ts';
import { openSink } from '../../../resources/logs/forward/log-sink.ts';
import { type Forwarding, startForwarding } from '../../../resources/logs/forward/forwarder.ts';
import { readTlsFiles } from '../../../resources/logs/forward/tls-files.ts';
import { formatSyslog } from '../../../resources/logs/forward/syslog-format.ts';
import { chosenAttributes } from '../../../resources/logs/log-attributes.ts';
import { formatTag } from '../../../resources/logs/log-tag.ts';
import { parseSyslogOptions } from '../../../resources/logs/syslog-options.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';

const machineLog = '/dev/log';

const remoteDrivers = new Set(['syslog', 'journald']);

/** What a remote driver sends from the file; undefined for drivers that send nothing. A previous run's rest comes first. */
export function forwardLog(
  context: Context,
  record: ContainerRecord,
  run: { ended: Promise<void>; previous: Forwarding | undefined },
): Forwarding | undefined {
  if (!sendsAway(record)) return undefined;
  const path = record.logPath;
  return startForwarding(context, {
    path,
    positionPath: join(dirname(path), 'forwarded.json'),
    after: run.previous?.stop(),
    ended: run.ended,
    ...(record.config.log.driver === 'journald' ? toJournal(context, record) : toSyslog(record)),
  });
}

/** Whether the driver sends the log somewhere. */
export function sendsAway({ config }: Pick<ContainerRecord, 'config'>): boolean {
  return remoteDrivers.has(config.log.driver);
}

/** A machine without a journal cannot start such a container, as with Docker, nor one without the certificates that it names. */
export async function checkReceiver(context: Context, { config }: ContainerRecord): Promise<void> {
  const { journalSocket } = context.settings;
  if (config.log.driver === 'syslog') {
    const { address } = parseSyslogOptions(config.log.options);
    if (address?.protocol === 'tls') await readTlsFiles(address.files);
  }
  if (config.log.driver !== 'journald' || existsSync(journalSocket)) return;
  throw unavailable(
    'failed to create task for container: failed to initialize logging driver: journald is not enabled on this host',
    {
      code: 'no-journal',
      hint: `there is no ${journalSocket}; use another --log-driver, or set journal-socket`,
    },
  );
}

type Way = Pick<Parameters<typeof startForwarding>[1], 'open' | 'format'>;

function toSyslog(record: ContainerRecord): Way {
  const options = parseSyslogOptions(record.config.log.options);
  const sender = { hostname: hostname(), tag: tagOrId(record), pid: process.pid };
  const address = options.address ?? { protocol: 'unix' as const, path: machineLog };
  return { open: () => openSink(address), format: (entry) => formatSyslog(entry, options, sender) };
}

function toJournal({ settings }: Context, record: ContainerRecord): Way {
  const { log, labels, env } = record.config;
  const attributes = chosenAttributes({ options: log.options, labels, env });
  const sender = formatJournalSender({ ...record, tag: tagOrId(record), attributes });
  return {
    open: () => openSink({ protocol: 'unixgram', path: settings.journalSocket }),
    format: (entry) => formatJournal(entry, sender),
  };
}

const tagOrId = (record: ContainerRecord): string => logTag(record) ?? record.id.slice(0, 12);

/** The option `tag` with its fields filled in; undefined without one. */
function logTag(
  record: Pick<ContainerRecord, 'config' | 'id' | 'name' | 'imageId' | 'imageName'>,
): string | undefined {
  const template = record.config.log.options['tag'];
  // Control characters and spaces would end the field that it stands in.
  // oxlint-disable-next-line no-control-regex -- matching control characters is this pattern's purpose
  return template ? formatTag(template, record).replaceAll(/[\u0000- \u007f]/g, '_') : undefined;
}
