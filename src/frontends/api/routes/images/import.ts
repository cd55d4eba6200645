import type { Engine } from '../../../../engine/host/engine.ts';
import type { ImportOptions, TransferOptions } from '../../../../engine/image/transfers.ts';
import { parsePlatform } from '../../../../foundation/oci/platform.ts';
import {
  parseReference,
  type Reference,
  withDefaultTag,
  withTag,
} from '../../../../foundation/oci/reference.ts';
import { answered, type Answer, type ApiCall } from '../../call.ts';
import { readingArchive } from '../../input/archive-body.ts';
import { queryText } from '../../input/query.ts';
import { streamMessages } from '../../output/json-lines.ts';
import { defined, refused } from '../../translate/refuse.ts';

/** A root file system in the request's body; fetching it from an address is left to the client. */
export async function importImage(images: Pick<Engine['images'], 'import'>, call: ApiCall): Promise<Answer> {
  const { query, exchange } = call;
  if (query.get('fromSrc') !== '-')
    throw refused(
      'importing from an address',
      'fetch the archive and import it from standard input: curl URL | silo import -',
    );
  const platform = queryText(query, 'platform');
  const options = defined<TransferOptions & ImportOptions>({
    reference: referenceOf(query),
    message: queryText(query, 'message'),
    changes: query.getAll('changes'),
    platform: platform === undefined ? undefined : parsePlatform(platform),
    signal: exchange.signal,
  });
  await streamMessages(call, 'application/json', async (lines) => {
    const id = await readingArchive(images.import(exchange.body, options));
    lines.write({ status: id });
  });
  return answered;
}

function referenceOf(query: URLSearchParams): Reference | undefined {
  const repository = queryText(query, 'repo');
  if (repository === undefined) return undefined;
  const named = parseReference(repository);
  const tag = queryText(query, 'tag');
  return tag === undefined ? withDefaultTag(named) : withTag(named, tag);
}
