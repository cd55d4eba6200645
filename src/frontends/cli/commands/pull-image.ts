import { familiarName, parseReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type { Client } from '../../client/client.ts';
import type { CliOutput } from '../io.ts';
import { showProgress } from '../output/progress.ts';

/** Pulls and shows the progress; `quiet` shows nothing. Gives the image's full name. */
export async function pullImage(
  client: Client,
  name: string,
  options: { out: CliOutput; quiet: boolean; platform: string },
): Promise<string> {
  const reference = withDefaultTag(parseReference(name));
  const messages = client.images.pull({
    name:
      reference.host === 'docker.io'
        ? reference.path.replace(/^library\//, '')
        : `${reference.host}/${reference.path}`,
    tag: reference.digest ?? reference.tag ?? 'latest',
    ...(options.platform === '' ? {} : { platform: options.platform }),
  });
  if (options.quiet) for await (const message of messages) void message;
  else await showProgress(messages, options.out);
  return familiarName(reference);
}
