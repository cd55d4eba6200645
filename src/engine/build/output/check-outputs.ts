import { invalid, type SiloError, unsupported } from '../../../foundation/base/errors.ts';
import type { BuildRequest } from '../solve/types.ts';
import type { BuildOutput } from './output.ts';

/** Kind `invalid` or `unsupported` for outputs that cannot come about, before anything is built. */
export function checkOutputs({
  outputs = [],
  cacheTo = [],
  tags,
  client,
  cacheFrom = [],
}: BuildRequest): void {
  for (const output of outputs) {
    if (output.type === 'image' && output.isPushed && tags.length + output.names.length === 0)
      throw invalid('tag is needed when pushing to registry', {
        code: 'push-without-name',
        hint: 'name the image: -t registry.example/team/app:1',
      });
    if (goesToClient(output) && client?.receive === undefined)
      throw needsClient(`output type=${output.type}`);
  }
  if (cacheTo.some(({ type }) => type === 'local') && client?.receive === undefined)
    throw needsClient('cache export type=local');
  if (cacheFrom.some(({ type }) => type === 'local') && client?.cached === undefined)
    throw needsClient('cache import type=local');
}

const needsClient = (what: string): SiloError =>
  unsupported(`${what} needs a client that takes part in the build`, {
    code: 'build-unsupported',
    hint: 'use silo build, or keep the image here and save it: docker save',
  });

const goesToClient = ({ type }: BuildOutput): boolean =>
  type === 'docker' || type === 'oci' || type === 'tar' || type === 'local';
