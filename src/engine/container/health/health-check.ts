import { invalid } from '../../../foundation/base/errors.ts';
import type { ImageHealthcheck } from '../../../foundation/oci/image-config.ts';
import type { HealthCheck, HealthFailureAction } from './health.ts';

const nsPerMs = 1_000_000;

/** Docker's form of a health check, of an image or a request. Texts as there. */
export function parseHealthCheck(json: ImageHealthcheck): HealthCheck {
  const durations = {
    intervalMs: toMs('Interval', json.Interval),
    timeoutMs: toMs('Timeout', json.Timeout),
    startPeriodMs: toMs('StartPeriod', json.StartPeriod),
    startIntervalMs: toMs('StartInterval', json.StartInterval),
  };
  const retries = json.Retries ?? 0;
  if (retries < 0) throw wrong('Retries in Healthcheck cannot be negative');
  const given = Object.entries({ ...durations, retries }).filter(([, value]) => value !== 0);
  const test = parseTest(json.Test ?? []);
  return { ...(test ? { test } : {}), ...Object.fromEntries(given) };
}

/** The reverse; absent fields stay absent. */
export function formatHealthCheck(check: HealthCheck): ImageHealthcheck {
  const { test, intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = check;
  const duration = (name: keyof ImageHealthcheck, ms: number | undefined) =>
    ms ? { [name]: Math.round(ms * nsPerMs) } : {};
  return {
    ...(test ? { Test: formatTest(test) } : {}),
    ...duration('Interval', intervalMs),
    ...duration('Timeout', timeoutMs),
    ...duration('StartPeriod', startPeriodMs),
    ...duration('StartInterval', startIntervalMs),
    ...(retries ? { Retries: retries } : {}),
  };
}

/** What the request leaves open is the image's. A check of the image that makes no sense counts as none: nobody here can mend it. */
export function mergeHealthCheck(
  request: HealthCheck | undefined,
  image: ImageHealthcheck | undefined,
): HealthCheck | undefined {
  const inherited = image && parseLeniently(image);
  if (!request || !inherited) return request ?? inherited;
  return { ...inherited, ...request };
}

/** Whether there is anything to run. */
export function hasTest(check: HealthCheck | undefined): check is HealthCheck {
  return check?.test !== undefined && check.test.kind !== 'none';
}

/** The words to run in the container. */
export function probeArgs(
  test: HealthCheck['test'],
  shell: readonly string[] = ['/bin/sh', '-c'],
): string[] | undefined {
  if (test?.kind === 'exec') return test.args;
  return test?.kind === 'shell' ? [...shell, test.text, ...(test.args ?? [])] : undefined;
}

export function parseFailureAction(text: string): HealthFailureAction {
  const known: readonly HealthFailureAction[] = ['none', 'restart', 'stop', 'kill'];
  const action = known.find((word) => word === text);
  if (action === undefined)
    throw wrong(
      `invalid on-failure action of the health check: ${JSON.stringify(text.slice(0, 80))}; use one of ${known.join(', ')}`,
    );
  return action;
}

function parseTest([kind, ...args]: readonly string[]): HealthCheck['test'] {
  const [text = '', ...more] = args;
  switch (kind) {
    case undefined:
      return undefined;
    case 'NONE':
      return { kind: 'none' };
    case 'CMD':
      if (args.length === 0) throw wrong('Healthcheck: CMD names no program');
      return { kind: 'exec', args };
    case 'CMD-SHELL':
      if (text === '') throw wrong('Healthcheck: CMD-SHELL has no command');
      return { kind: 'shell', text, ...(more.length > 0 ? { args: more } : {}) };
    default:
      throw wrong(`Unknown healthcheck type '${kind.slice(0, 80)}' (expected 'CMD')`);
  }
}

function formatTest(test: NonNullable<HealthCheck['test']>): string[] {
  if (test.kind === 'none') return ['NONE'];
  return test.kind === 'exec' ? ['CMD', ...test.args] : ['CMD-SHELL', test.text, ...(test.args ?? [])];
}

function toMs(field: string, ns: number | undefined): number {
  if (!ns) return 0;
  if (ns < nsPerMs) throw wrong(`${field} in Healthcheck cannot be less than 1ms`);
  return ns / nsPerMs;
}

function parseLeniently(image: ImageHealthcheck): HealthCheck | undefined {
  try {
    return parseHealthCheck(image);
  } catch {
    return undefined;
  }
}

function wrong(message: string): Error {
  return invalid(message, { code: 'bad-healthcheck' });
}
