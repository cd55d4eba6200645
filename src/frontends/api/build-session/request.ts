import { invalid } from '../../../foundation/base/errors.ts';
import type {
  BuildContextJson,
  BuildSessionRequestJson,
} from '../../../foundation/wire/silo/build-session.ts';
import { type Decoder, integer, listOf, mapOf, objectOf, text } from '../input/decode.ts';
import { authConfig } from '../input/other-bodies.ts';

const anyContext = objectOf<{
  kind: string;
  address?: string;
  reference?: string;
  name?: string;
  stage?: string;
}>({ kind: text, address: text, reference: text, name: text, stage: text }, { kind: '' });

const context: Decoder<BuildContextJson> = (value, path) => {
  const { kind, address, reference, name, stage } = anyContext(value, path);
  if (kind === 'folder' || kind === 'archive') return { kind };
  if (kind === 'remote' && address !== undefined) return { kind, address };
  if (kind === 'image' && reference !== undefined) return { kind, reference };
  if (kind === 'target' && stage !== undefined) return { kind, stage };
  if (kind === 'layout') return name === undefined ? { kind } : { kind, name };
  throw invalid(`invalid ${path}: unknown kind of context ${JSON.stringify(kind.slice(0, 60))}`, {
    code: 'bad-context',
  });
};

/** The first line of a build session. Fields that this engine does not know are ignored, as everywhere. */
export const buildSessionRequest: Decoder<BuildSessionRequestJson> = objectOf<BuildSessionRequestJson>(
  {
    machine: text,
    query: text,
    contexts: mapOf(context),
    auths: mapOf(authConfig),
    debug: listOf(text),
    secrets: listOf(text),
    agents: listOf(text),
    outputs: listOf(integer),
    caches: listOf(integer),
  },
  { machine: '', query: '', contexts: {} },
);
