import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { canceled, isKind, toSiloError } from '../../../foundation/base/errors.ts';
import type { BuildSessionRequestJson } from '../../../foundation/wire/silo/build-session.ts';
import type { BuildResult } from '../../client/build-session.ts';
import type { Client } from '../../client/client.ts';
import { allCredentials } from '../credentials/all.ts';
import { exitCodes, reportError } from '../exit.ts';
import type { Target } from '../contexts/target.ts';
import type { CliIo } from '../io.ts';
import { proxyVariables } from '../preferences.ts';
import { attachShell } from './attach-shell.ts';
import { machineName, offerContexts, readNamedContexts } from './contexts.ts';
import { checkDestinations, offerDestinations, readDestinations } from './destinations.ts';
import { openContext } from './open-context.ts';
import type { BuildOptionValues, ProgressMode } from './options.ts';
import { failureText } from './progress/failure.ts';
import { createSteps } from './progress/steps.ts';
import { openView } from './progress/open-view.ts';
import { buildQuery } from './query.ts';
import { offerSecrets, readAgents, readSecrets, withKnownHosts } from './secrets.ts';

/** `silo build`: gathers what the build needs of this machine, and shows it while it runs. */
export async function runBuild(
  context: string,
  options: BuildOptionValues,
  {
    io,
    client,
    target,
    debug,
  }: {
    io: CliIo;
    client: () => Promise<Client>;
    target: () => Promise<Target>;
    debug?: readonly string[];
  },
): Promise<number> {
  const destinations = readDestinations(options);
  await checkDestinations(destinations, io);
  const agents = await readAgents(options.ssh, io);
  const secrets = await withKnownHosts(await readSecrets(options.secret, io), agents, io);
  const named = await readNamedContexts(options['build-context'], io);
  const main = await openContext(context, options.file, io);
  const mode: ProgressMode = options.quiet ? 'quiet' : (options.progress as ProgressMode);
  const view = openView(mode, { out: destinations.usesStdout ? io.stderr : io.stdout, io });
  const steps = createSteps();
  const { contexts, offers } = offerContexts(main, named, (message) => view.note(`WARNING: ${message}`));
  const request: BuildSessionRequestJson = {
    machine: await machineName(),
    query: buildQuery(options, {
      env: io.env,
      proxies: await proxyVariables(io, (await target()).host),
      dockerfile: main.dockerfile,
      destinations,
    }),
    contexts,
    auths: await allCredentials(io),
    secrets: [...secrets.keys()],
    agents: [...agents.keys()],
    ...(debug === undefined ? {} : { debug: [...debug] }),
    outputs: [...destinations.taken.keys()],
    caches: [...destinations.caches.keys()],
  };
  const file = options.file === '' || options.file === '-' ? 'Dockerfile' : basename(options.file);
  let session: Awaited<ReturnType<typeof attachShell>> | undefined;
  const ending = new AbortController();
  using _signals = cancelOnSignals(io, ending);
  // A build that nobody watches to its end is not done.
  io.setUnreadCode?.(1);
  try {
    const result = await (
      await client()
    ).builds.session(
      request,
      { ...offers, ...offerSecrets(secrets, agents, io), ...offerDestinations(destinations, io) },
      {
        signal: ending.signal,
        async onDebug(id) {
          view.end('failed');
          session = await attachShell(await client(), id, io);
          session.ended.then(
            (how) => how === 'detached' && ending.abort(canceled('left')),
            (error: unknown) => ending.abort(error),
          );
        },
        onEvent(event) {
          steps.take(event);
          view.event(event);
        },
      },
    );
    io.setUnreadCode?.(0);
    view.end('done');
    await report(result, { options, io, mode, usesStdout: destinations.usesStdout });
    return 0;
  } catch (error) {
    if (session === undefined) view.end(isKind(error, 'canceled') ? 'canceled' : 'failed');
    await session?.ended.catch(() => undefined);
    if (mode === 'json') {
      const { kind, code, message, hint } = toSiloError(error);
      io.stdout.write(`${JSON.stringify({ kind: 'error', error: { kind, code, message, hint } })}\n`);
      return exitCodes[kind];
    }
    io.stderr.write(failureText(steps, main.source, file));
    return reportError(io.stderr, error);
  }
}

/** The first interrupt ends the build and waits until it is cleaned up; the second does not wait. */
function cancelOnSignals(io: Pick<CliIo, 'onSignal'>, ending: AbortController): Disposable {
  const stack = new DisposableStack();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    stack.use(
      io.onSignal(name, () => {
        stack.dispose();
        ending.abort(canceled('interrupted'));
      }),
    );
  return stack;
}

async function report(
  result: BuildResult,
  {
    options,
    io,
    mode,
    usesStdout,
  }: { options: BuildOptionValues; io: CliIo; mode: ProgressMode; usesStdout: boolean },
): Promise<void> {
  if (options.iidfile !== '') await writeFile(resolve(io.cwd, options.iidfile), imageIdOf(result));
  if (options['metadata-file'] !== '')
    await writeFile(
      resolve(io.cwd, options['metadata-file']),
      `${JSON.stringify(result.metadata, undefined, 2)}\n`,
    );
  const out = usesStdout ? io.stderr : io.stdout;
  if (mode === 'json') out.write(`${JSON.stringify(result)}\n`);
  else if (options.quiet) out.write(`${result.image}\n`);
  else {
    out.write(`Successfully built ${result.image.replace(/^sha256:/, '').slice(0, 12)}\n`);
    for (const tag of options.tag)
      out.write(
        `Successfully tagged ${tag.includes(':', tag.lastIndexOf('/') + 1) ? tag : `${tag}:latest`}\n`,
      );
  }
}

/** As buildx: the image's id, or the digest of what several platforms are listed in. */
function imageIdOf({ image, digest, metadata }: BuildResult): string {
  const config = metadata['containerimage.config.digest'];
  return typeof config === 'string' ? config : (digest ?? image);
}
