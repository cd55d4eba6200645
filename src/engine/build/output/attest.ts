import { familiarName, type Reference } from '../../../foundation/oci/reference.ts';
import { formatPlatform } from '../../../foundation/oci/platform.ts';
import type { Statement } from '../../image/assemble/assembly.ts';
import { openStageTree } from '../solve/files/stage-tree.ts';
import type { BuildDeps, BuildRequest } from '../solve/types.ts';
import type { Attest } from './images.ts';
import type { Attestation, BuildOutput, PlatformResult } from './output.ts';
import { type BuildFacts, provenance, statement } from './provenance.ts';
import { type Inventory, scanPackages } from './sbom/scan.ts';
import { spdxDocument } from './sbom/spdx.ts';

export interface AttestOptions {
  request: BuildRequest;
  factsOf: (result: PlatformResult) => BuildFacts;
}

/**
 * What is told about the images of an output. Asked for, it is told everywhere; otherwise images that are pushed tell how they were made, in the short form, as
 * BuildKit's do: who pulls them later has no other way to learn it. Images for the store alone stay one manifest.
 */
export function createAttest(
  deps: Pick<BuildDeps, 'images' | 'layers' | 'directory'>,
  { request, factsOf }: AttestOptions,
): (output: BuildOutput, names: readonly Reference[]) => Attest | undefined {
  const inventories = new Map<string, Promise<Inventory>>();
  const inventoryOf = (result: PlatformResult): Promise<Inventory> => {
    const found = inventories.get(result.image) ?? takeInventory(deps, result, request);
    inventories.set(result.image, found);
    return found;
  };
  return (output, names) => {
    const wanted = request.attestations ?? defaultsOf(output);
    if (wanted.length === 0) return undefined;
    return async (result, manifest) => {
      const platform = formatPlatform(result.platform);
      const facts = factsOf(result);
      const about = { manifest, names, platform };
      const statements: Statement[] = [];
      for (const each of wanted) {
        const [predicateType, predicate] =
          each.type === 'provenance'
            ? ['https://slsa.dev/provenance/v1', provenance(request, facts, { mode: each.mode, platform })]
            : [
                'https://spdx.dev/Document',
                spdxDocument(await inventoryOf(result), {
                  name: names[0] ? familiarName(names[0]) : manifest.digest,
                  digest: manifest.digest,
                  createdAtMs: facts.finishedAtMs,
                }),
              ];
        statements.push({ predicateType, bytes: statement(predicateType, predicate, about) });
      }
      return statements;
    };
  };
}

function defaultsOf(output: BuildOutput): readonly Attestation[] {
  const isShared = output.type === 'image' && output.isPushed && output.family !== 'docker';
  return isShared ? [{ type: 'provenance', mode: 'min' }] : [];
}

async function takeInventory(
  deps: Pick<BuildDeps, 'images' | 'layers' | 'directory'>,
  { image }: PlatformResult,
  { signal, onProgress }: BuildRequest,
): Promise<Inventory> {
  onProgress({ kind: 'exporting', text: 'looking for packages' });
  await using tree = await openStageTree(deps, image);
  const inventory = await scanPackages(tree, signal);
  if (inventory.isCut)
    onProgress({
      kind: 'warning',
      rule: 'SbomIncomplete',
      message: 'the list of packages is not complete: parts of the image are above the limits',
    });
  return inventory;
}
