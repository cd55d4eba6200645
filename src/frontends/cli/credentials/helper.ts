import { spawn } from 'node:child_process';
import { SiloError, invalid, timedOut, unavailable } from '../../../foundation/base/errors.ts';
import { visible } from '../output/text.ts';

/** What a helper keeps for one server. */
export interface HelperCredentials {
  Username: string;
  Secret: string;
}

const limitBytes = 1024 * 1024;
const notFoundText = 'credentials not found in native keychain';

/**
 * Runs `docker-credential-NAME VERB` with its input; the protocol is that of docker/docker-credential-helpers. Its output is bounded, and it has
 * `timeoutMs`; then it is killed.
 */
export async function runHelper(
  name: string,
  call: { verb: 'get' | 'store' | 'erase'; input: string; timeoutMs?: number; env: NodeJS.ProcessEnv },
): Promise<string> {
  // It becomes the name of a program: no path, no option.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name))
    throw invalid(`the credential helper ${JSON.stringify(name.slice(0, 80))} has no usable name`);
  const program = `docker-credential-${name}`;
  const { timeoutMs = 30_000 } = call;
  const child = spawn(program, [call.verb], { env: call.env, stdio: ['pipe', 'pipe', 'ignore'] });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const parts: Buffer[] = [];
  let size = 0;
  const giveUp = (error: SiloError): void => {
    child.kill('SIGKILL');
    reject(error);
  };
  const timer = setTimeout(
    () => giveUp(timedOut(`${program} did not answer within ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  child.stdin.on('error', () => undefined);
  child.stdin.end(call.input);
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > limitBytes) giveUp(invalid(`${program} wrote more than ${limitBytes} bytes`));
    else parts.push(chunk);
  });
  child.on('error', (error) =>
    reject(
      unavailable(`error getting credentials - err: exec: "${program}": ${error.message}`, {
        code: 'no-credential-helper',
        cause: error,
        hint: `install ${program}, or remove it from the client's configuration`,
      }),
    ),
  );
  child.on('close', (code) => {
    const text = Buffer.concat(parts).toString('utf8').trim();
    if (code === 0) resolve(text);
    else if (text === notFoundText) reject(helperHasNothing());
    else
      reject(
        unavailable(
          `error getting credentials - err: exit status ${code}, out: \`${visible(text.slice(0, 300))}\``,
        ),
      );
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    // A grandchild may hold the pipe: we wait for nobody.
    child.stdout.destroy();
    child.unref();
  }
}

/** Undefined when the helper knows nothing of the server. */
export async function getFromHelper(
  name: string,
  server: string,
  env: NodeJS.ProcessEnv,
): Promise<HelperCredentials | undefined> {
  try {
    const text = await runHelper(name, { verb: 'get', input: server, env });
    const value = JSON.parse(text) as Partial<HelperCredentials> | null;
    if (typeof value?.Username === 'string' && typeof value.Secret === 'string')
      return { Username: value.Username, Secret: value.Secret };
  } catch (error) {
    if (error instanceof SiloError) {
      if (error.code === 'no-such-credentials') return undefined;
      throw error;
    }
  }
  throw unavailable(`docker-credential-${name} did not answer with credentials`);
}

function helperHasNothing(): SiloError {
  return new SiloError('not-found', notFoundText, { code: 'no-such-credentials' });
}
