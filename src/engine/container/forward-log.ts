import { dirname, join } from 'node:path';
import { hostname } from 'node:os';
import { openSink } from '../../resources/logs/forward/log-sink.ts';
import { type Forwarding, startForwarding } from '../../resources/logs/forward/forwarder.ts';
import { formatSyslog } from '../../resources/logs/forward/syslog-format.ts';
import { formatTag } from '../../resources/logs/log-tag.ts';
import { parseSyslogOptions } from '../../resources/logs/syslog-options.ts';
import type { ContainerRecord } from './container.ts';
import type { Context } from './context.ts';

const machineLog = '/dev/log';

/** What a remote driver sends from the file; undefined for drivers that send nothing. A previous run's rest comes first. */
export function forwardLog(
  context: Context,
  record: ContainerRecord,
  run: { ended: Promise<void>; previous: Forwarding | undefined },
): Forwarding | undefined {
  const { config, logPath: path } = record;
  if (config.log.driver !== 'syslog') return undefined;
  const options = parseSyslogOptions(config.log.options);
  const tag = logTag(record) ?? record.id.slice(0, 12);
  const sender = { hostname: hostname(), tag, pid: process.pid };
  const address = options.address ?? { protocol: 'unix' as const, path: machineLog };
  return startForwarding(context, {
    path,
    positionPath: join(dirname(path), 'forwarded.json'),
    after: run.previous?.stop(),
    ended: run.ended,
    open: () => openSink(address),
    format: (entry) => formatSyslog(entry, options, sender),
  });
}

/** The option `tag` with its fields filled in; undefined without one. */
export function logTag(
  record: Pick<ContainerRecord, 'config' | 'id' | 'name' | 'imageId' | 'imageName'>,
): string | undefined {
  const template = record.config.log.options['tag'];
  // Control characters and spaces would end the field that it stands in.
  // eslint-disable-next-line no-control-regex
  return template ? formatTag(template, record).replaceAll(/[\u0000- \u007f]/g, '_') : undefined;
}
