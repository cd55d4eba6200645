import { readFileSync } from 'node:fs';
import { invalid } from '../../../foundation/base/errors.ts';
import { defaultHost } from '../../client/host.ts';
import { type Globals, selectTls } from '../globals.ts';
import type { CliIo } from '../io.ts';
import { currentContextPath } from './place.ts';
import { type Choice, defaultContext, type Target } from './target.ts';

/**
 * In this order: `-H`, `--context`, `SILO_HOST`, `SILO_CONTEXT`, `DOCKER_HOST`, `DOCKER_CONTEXT`, what `silo context use` chose, the default socket.
 * What `docker context use` chose does not count: it names Docker's engines.
 */
export function chooseContext(globals: Globals, env: CliIo['env']): Choice {
  const [host = '', ...others] = globals.host;
  if (others.length > 0) throw invalid('Please specify only one -H');
  if (host !== '' && globals.context !== '')
    throw invalid('conflicting options: cannot specify both --host and --context');
  if (host !== '') return { context: defaultContext, host };
  if (globals.context !== '') return { context: globals.context };
  for (const maker of ['SILO', 'DOCKER']) {
    const [address, context] = [env[`${maker}_HOST`], env[`${maker}_CONTEXT`]];
    if (address) return { context: defaultContext, host: address, variable: `${maker}_HOST` };
    if (context) return { context, variable: `${maker}_CONTEXT` };
  }
  return { context: readCurrent(env) ?? defaultContext };
}

/** The name that `silo context use` recorded. */
export function readCurrent(env: CliIo['env']): string | undefined {
  try {
    return readFileSync(currentContextPath(env), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Where the choice leads. Kind `not-found` when there is no such context. */
export async function resolveTarget(choice: Choice, globals: Globals, env: CliIo['env']): Promise<Target> {
  if (choice.context !== defaultContext) {
    const { createContextStore } = await import('./store.ts');
    const { host, tls } = await createContextStore(env).endpoint(choice.context);
    const namedBy = choice.variable ?? `the context "${choice.context}"`;
    return { host, isDefault: host === defaultHost, namedBy, ...(tls && needsTls(host) ? { tls } : {}) };
  }
  const host = choice.host ?? defaultHost;
  const tls = needsTls(host) ? selectTls(globals, env) : undefined;
  return {
    host,
    isDefault: host === defaultHost,
    ...(tls ? { tls } : {}),
    ...(choice.variable === undefined ? {} : { namedBy: choice.variable }),
  };
}

const needsTls = (host: string): boolean => !/^(?:unix|ssh):|^\//.test(host);
