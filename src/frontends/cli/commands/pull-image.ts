import { familiarName, parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type { Client } from '../../client/client.ts';
import { authFor } from '../credentials/credentials.ts';
import type { CliIo, CliOutput } from '../io.ts';
import { showProgress } from '../output/progress.ts';

/** Pulls and shows the progress; `quiet` shows nothing. Gives the image's name. */
export async function pullImage(
  client: Client,
  name: string,
  options: { io: CliIo; out: CliOutput; quiet: boolean; platform: string; allTags?: boolean },
): Promise<string> {
  const reference = withDefaultTag(parseReference(name));
  const auth = await authFor(options.io, reference.host);
  const messages = client.images.pull({
    ...(auth ? { auth } : {}),
    name:
      reference.host === 'docker.io'
        ? reference.path.replace(/^library\//, '')
        : `${reference.host}/${reference.path}`,
    ...(options.allTags ? {} : { tag: reference.digest ?? reference.tag ?? 'latest' }),
    ...(options.platform === '' ? {} : { platform: options.platform }),
  });
  if (options.quiet) for await (const message of messages) void message;
  else await showProgress(messages, options.out);
  return familiarName(reference);
}
