import { invalid } from '../../foundation/base/errors.ts';
import { parseSyslogOptions } from './syslog-options.ts';
import { formatTag } from './log-tag.ts';
import type { LogLimits } from './logs.ts';

export interface LogConfig {
  driver: string;
  options: Record<string, string>;
}

const attributes = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];
const files = ['max-size', 'max-file', 'compress'];
const syslog = [
  'syslog-address',
  'syslog-facility',
  'syslog-format',
  'syslog-tls-ca-cert',
  'syslog-tls-cert',
  'syslog-tls-key',
  'syslog-tls-skip-verify',
];
const knownOptions: Record<string, ReadonlySet<string>> = {
  journald: new Set(attributes),
  'json-file': new Set([...attributes, ...files]),
  local: new Set([...attributes, ...files]),
  syslog: new Set([...attributes, ...syslog]),
};

/** A container's settings over those of the engine, which apply when the driver is the same or none is named. */
export function mergeLogConfig(wanted: LogConfig, defaults: LogConfig): LogConfig {
  const driver = wanted.driver || defaults.driver;
  return driver === defaults.driver
    ? { driver, options: { ...defaults.options, ...wanted.options } }
    : { driver, options: { ...wanted.options } };
}

/** Refuses, in Docker's words, what the driver does not know or cannot do. */
export function checkLogConfig({ driver, options }: LogConfig): void {
  if (driver === 'none') return;
  const known = Object.hasOwn(knownOptions, driver) ? knownOptions[driver] : undefined;
  if (!known) {
    const shown = driver.slice(0, 80);
    throw wrong(`error looking up logging plugin ${shown}: plugin "${shown}" not found`);
  }
  const { mode, 'max-buffer-size': buffer, ...own } = options;
  if (mode !== undefined && !['', 'blocking', 'non-blocking'].includes(mode))
    throw wrong(`logger: logging mode not supported: ${mode.slice(0, 80)}`);
  if (buffer !== undefined) {
    if (mode !== 'non-blocking')
      throw wrong(`logger: max-buffer-size option is only supported with 'mode=non-blocking'`);
    if (parseSize(buffer) === undefined)
      throw wrong(`error parsing option max-buffer-size: invalid size: '${buffer.slice(0, 80)}'`);
  }
  for (const option of Object.keys(own)) checkOption(driver, known, option);
  for (const option of ['labels-regex', 'env-regex']) checkPattern(own[option] ?? '');
  if (driver === 'syslog') parseSyslogOptions(own);
  formatTag(own['tag'] ?? '', { id: '', name: '', imageId: '', imageName: '' });
  toLogLimits({ driver, options }, { totalBytes: 0 });
}

function checkOption(driver: string, known: ReadonlySet<string>, option: string): void {
  if (known.has(option)) return;
  const shown = option.slice(0, 80);
  throw wrong(
    driver === 'local'
      ? `unknown log opt '${shown}' for log driver local`
      : `unknown log opt '${shown}' for ${driver} log driver`,
  );
}

/** A repeated group can take this program forever (Docker's regular expressions cannot), so it is refused. */
function checkPattern(pattern: string): void {
  const refused = (): Error => wrong(`error parsing regexp: ${JSON.stringify(pattern.slice(0, 80))}`);
  if (pattern.length > 256 || /\)[*+{?]|\\\d/.test(pattern)) throw refused();
  try {
    RegExp(pattern);
  } catch {
    throw refused();
  }
}

const smallestFileBytes = 64 * 1024;
/** What a fast program writes while the engine is kept from its work for a moment. */
const smallestMonitorBytes = 4 << 20;
const defaultFiles = 5;

/**
 * How much is kept. Without `max-size` a fifth of the engine's total per file. No file is smaller than 64 KiB; `max-file` then
 * still counts.
 */
export function toLogLimits(
  { driver, options }: LogConfig,
  { totalBytes }: { totalBytes: number },
): LogLimits {
  const size = options['max-size'];
  const parsedSize = size === undefined ? undefined : parseMaxSize(driver, size);
  const files = parseMaxFile(driver, options['max-file']);
  const compressText = options['compress'];
  const compress = compressText === undefined ? true : parseBoolean(compressText);
  if (compressText !== undefined && compress && driver === 'json-file' && (files ?? 1) < 2)
    throw wrong('compress cannot be true when max-file is less than 2 or max-size is not set');
  if (driver === 'local' && compressText !== undefined && compress && files === 1)
    throw wrong('compression cannot be enabled when max file count is 1');
  // Docker's json-file keeps one file when only its size is given.
  const keptFiles = files ?? (driver === 'json-file' && parsedSize !== undefined ? 1 : defaultFiles);
  const fileBytes = parsedSize ?? Math.floor(totalBytes / keptFiles);
  const usedBytes = Math.max(smallestFileBytes, fileBytes);
  return {
    fileBytes: usedBytes,
    monitorBytes: Math.max(usedBytes, Math.floor((usedBytes * keptFiles) / 2), smallestMonitorBytes),
    files: keptFiles,
    compress: compress && keptFiles > 1,
  };
}

function parseMaxSize(driver: string, text: string): number | undefined {
  if (driver === 'json-file' && text === '-1') return undefined;
  const size = parseSize(text, driver === 'json-file' ? 1000 : 1024);
  const reason = `invalid size: '${text.slice(0, 80)}'`;
  if (size === undefined) throw wrong(driver === 'local' ? `invalid value for max-size: ${reason}` : reason);
  if (size < 1) throw wrong('max size should be a positive number');
  return size;
}

function parseMaxFile(driver: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d{1,9}$/.test(text)) {
    const reason = `strconv.Atoi: parsing ${JSON.stringify(text.slice(0, 80))}: invalid syntax`;
    throw wrong(driver === 'local' ? `invalid value for max-file: ${reason}` : reason);
  }
  const files = Number(text);
  if (files < 1) throw wrong('max-file cannot be less than 1');
  if (files > 1000) throw wrong('max-file cannot be more than 1000');
  return files;
}

function parseBoolean(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw wrong(`strconv.ParseBool: parsing ${JSON.stringify(text.slice(0, 80))}: invalid syntax`);
}

/** `10m`, `1.5GB`, `512KiB`; undefined when it is no size. */
function parseSize(text: string, thousand = 1024): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (!match) return undefined;
  const power = ['', 'k', 'm', 'g', 't', 'p'].indexOf((match[2] ?? '').toLowerCase());
  return Math.floor(Number(match[1]) * thousand ** power);
}

function wrong(message: string): Error {
  return invalid(message, { code: 'bad-log-config' });
}
