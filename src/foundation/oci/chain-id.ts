import { type ChainId, type DiffId, sha256 } from './digest.ts';

/** Chain ids of each prefix of the stack, lowest layer first. OCI image spec, config.md#layer-chainid. */
export function chainIds(diffIds: readonly DiffId[]): ChainId[] {
  const chain: ChainId[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : sha256(`${parent} ${diffId}`));
  }
  return chain;
}
