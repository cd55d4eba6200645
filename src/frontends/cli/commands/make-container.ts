import { open, unlink } from 'node:fs/promises';
import { invalid, isKind, unsupported } from '../../../foundation/base/errors.ts';
import type { ContainerCreateBody } from '../../../foundation/wire/docker/container-config.ts';
import { familiarName, parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type { Client } from '../../client/client.ts';
import type { OptionValues } from '../command.ts';
import type { CliIo } from '../io.ts';
import { fileReason } from '../parse/read-file.ts';
import { checkCidFile } from './create-body.ts';
import type { creationOptions } from './container-options.ts';
import { pullImage } from './pull-image.ts';

const pullModes = ['always', 'missing', 'never', ''];

/** Creates the container, with the image pulled first when it must or may be; warnings and progress go to stderr. Gives the id. */
export async function makeContainer(
  client: Client,
  io: CliIo,
  body: ContainerCreateBody,
  options: OptionValues<typeof creationOptions>,
): Promise<string> {
  if (options['use-api-socket'])
    throw unsupported('--use-api-socket is not supported', {
      hint: 'mount the socket by name: -v /run/silo/silo.sock:/var/run/docker.sock (whoever has it rules the host)',
    });
  await checkCidFile(options.cidfile);
  const image = body.Image ?? '';
  if (!/^[0-9a-f]{64}$/.test(image)) parseReference(image);
  const pull = (): Promise<string> =>
    pullImage(client, image, { io, out: io.stderr, quiet: options.quiet, platform: options.platform });
  const create = () =>
    client.containers.create(body, {
      ...(options.name === '' ? {} : { name: options.name }),
      ...(options.platform === '' ? {} : { platform: options.platform }),
    });

  if (options.pull === 'always') await pull();
  const created = await create().catch(async (error: unknown) => {
    if (options.pull === 'never' || options.pull === 'always' || !isMissingImage(error)) throw error;
    io.stderr.write(
      `Unable to find image '${familiarName(withDefaultTag(parseReference(image)))}' locally\n`,
    );
    await pull();
    return await create();
  });
  for (const warning of created.Warnings ?? []) io.stderr.write(`WARNING: ${warning}\n`);
  if (options.cidfile !== '') await writeCidFile(options.cidfile, created.Id);
  return created.Id;
}

/** Throws when `--pull` has a value that it does not know. */
export function checkPullMode(mode: string): void {
  if (!pullModes.includes(mode))
    throw invalid(`invalid pull option: '${mode}': must be one of "always", "missing" or "never"`);
}

const isMissingImage = (error: unknown): boolean =>
  isKind(error, 'not-found') && error instanceof Error && /no such image/i.test(error.message);

async function writeCidFile(path: string, id: string): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o644);
    try {
      await file.writeFile(id);
    } catch (error) {
      await unlink(path);
      throw error;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw invalid(`failed to create the container ID file: open ${path}: ${fileReason(error)}`, {
      cause: error,
    });
  }
}
