import type { Engine } from '../../../../engine/host/engine.ts';
import type { PullRequest } from '../../../../engine/image/transfers.ts';
import { internal, invalid, isKind, toSiloError } from '../../../../foundation/base/errors.ts';
import { parsePlatform } from '../../../../foundation/oci/platform.ts';
import { parseDigest } from '../../../../foundation/oci/digest.ts';
import {
  familiarName,
  parseReference,
  type Reference,
  withDigest,
  withTag,
} from '../../../../foundation/oci/reference.ts';
import { answered, type Answer, type ApiCall } from '../../call.ts';
import { queryText } from '../../input/query.ts';
import { readRegistryAuth } from '../../input/registry-auth.ts';
import type { JsonMessage } from '../../../../foundation/wire/docker/json-message.ts';
import { type JsonLines, streamMessages } from '../../output/json-lines.ts';
import { createPullReporter } from '../../output/transfer-progress.ts';
import { defined } from '../../translate/refuse.ts';

type Pulls = Pick<Engine['images'], 'pull' | 'remoteTags'>;

/** Without a tag, all tags of the repository are pulled, one after the other. `platform=all` is ours: every platform of the name's index. */
export async function pullImage(images: Pulls, call: ApiCall): Promise<Answer> {
  const named = referenceOf(call.query);
  const request = defined<PullRequest>({
    reference: named,
    platform: platformOf(call.query),
    credentials: readRegistryAuth(call.exchange.headers),
    signal: call.exchange.signal,
  });
  await streamMessages(call, 'application/json', async (lines) => {
    const isWhole = named.tag === undefined && named.digest === undefined;
    const tags = isWhole ? await images.remoteTags(request).catch(notAsking) : [undefined];
    let changed = false;
    for (const tag of tags)
      changed =
        (await pullOne(
          images,
          lines,
          tag === undefined ? request : { ...request, reference: withTag(named, tag) },
        )) || changed;
    const what = changed ? 'Downloaded newer image' : 'Image is up to date';
    lines.write({ status: `Status: ${what} for ${familiarName(named)}` });
  });
  return answered;
}

async function pullOne(images: Pulls, lines: JsonLines<JsonMessage>, request: PullRequest): Promise<boolean> {
  const { reference } = request;
  const reporter = createPullReporter(lines, {
    repository: reference.path,
    tag: reference.tag ?? reference.digest ?? 'latest',
  });
  const { digest, changed } = await images
    .pull({ ...request, onProgress: (progress) => reporter.report(progress) })
    .catch(notAsking);
  reporter.finish({ changed });
  lines.write({ status: `Digest: ${digest}` });
  return changed;
}

function platformOf(query: URLSearchParams): PullRequest['platform'] {
  const text = queryText(query, 'platform');
  if (text === undefined || text === 'all') return text;
  return parsePlatform(text);
}

/** Docker's CLI takes 401 for the wish to ask for a password, on whatever its input is; the real engine answers 500. */
function notAsking(error: unknown): never {
  if (!isKind(error, 'unauthorized')) throw error;
  const { code, hint, message } = toSiloError(error);
  throw internal(message, { code, cause: error, hint });
}

/** `tag` may be a tag or a digest. */
function referenceOf(query: URLSearchParams): Reference {
  const name = queryText(query, 'fromImage');
  if (name === undefined)
    throw invalid('the parameter fromImage is missing: which image?', { code: 'no-image-name' });
  const named = parseReference(name);
  const tag = queryText(query, 'tag');
  if (tag === undefined) return named;
  return tag.includes(':') ? withDigest(named, parseDigest(tag)) : withTag(named, tag);
}
