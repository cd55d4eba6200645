import type { Engine } from '../../../../engine/host/engine.ts';
import type { PullRequest } from '../../../../engine/image/image.ts';
import { internal, invalid, isKind, toSiloError } from '../../../../foundation/base/errors.ts';
import { parsePlatform } from '../../../../foundation/oci/platform.ts';
import { parseDigest } from '../../../../foundation/oci/digest.ts';
import {
  familiarName,
  parseReference,
  type Reference,
  withDefaultTag,
  withDigest,
  withTag,
} from '../../../../foundation/oci/reference.ts';
import { answered, type Answer, type ApiCall } from '../../call.ts';
import { queryText } from '../../input/query.ts';
import { readRegistryAuth } from '../../input/registry-auth.ts';
import { streamMessages } from '../../output/json-lines.ts';
import { createPullReporter } from '../../output/transfer-progress.ts';
import { defined } from '../../translate/refuse.ts';

export async function pullImage(images: Pick<Engine['images'], 'pull'>, call: ApiCall): Promise<Answer> {
  const reference = referenceOf(call.query);
  const platform = queryText(call.query, 'platform');
  const request = defined<PullRequest>({
    reference,
    platform: platform === undefined ? undefined : parsePlatform(platform),
    credentials: readRegistryAuth(call.exchange.headers),
    signal: call.exchange.signal,
  });
  await streamMessages(call, 'application/json', async (lines) => {
    const reporter = createPullReporter(lines, {
      repository: reference.path,
      tag: reference.tag ?? reference.digest ?? 'latest',
    });
    const { digest, changed } = await images
      .pull({ ...request, onProgress: (progress) => reporter.report(progress) })
      .catch(notAsking);
    reporter.finish({ changed });
    const what = changed ? 'Downloaded newer image' : 'Image is up to date';
    lines.write({ status: `Digest: ${digest}` });
    lines.write({ status: `Status: ${what} for ${familiarName(reference)}` });
  });
  return answered;
}

/** Docker's CLI takes 401 for the wish to ask for a password, on whatever its input is; the real engine answers 500. */
function notAsking(error: unknown): never {
  if (!isKind(error, 'unauthorized')) throw error;
  const { code, hint, message } = toSiloError(error);
  throw internal(message, { code, cause: error, ...(hint === undefined ? {} : { hint }) });
}

/** `tag` may be a tag or a digest. Without either it is `latest`: pulling every tag of a repository is nobody's wish. */
function referenceOf(query: URLSearchParams): Reference {
  const name = queryText(query, 'fromImage');
  if (name === undefined)
    throw invalid('the parameter fromImage is missing: which image?', { code: 'no-image-name' });
  const named = parseReference(name);
  const tag = queryText(query, 'tag');
  if (tag === undefined) return withDefaultTag(named);
  return tag.includes(':') ? withDigest(named, parseDigest(tag)) : withTag(named, tag);
}
