import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unavailable } from '../../../foundation/base/errors.ts';
import { hostPlatform } from '../../../foundation/oci/platform.ts';
import type { ImageSettings } from '../context.ts';
import { aptSources, type SourceWishes } from './apt-sources.ts';
import { mergePackages } from './merge-packages.ts';
import { downloadPackages } from './package-set.ts';
import { lineProgress } from './program-progress.ts';
import { fixedEpoch, standardPath } from './reproducible.ts';
import type { MakeOptions, Rootfs } from './rootfs.ts';
import { titleOf } from './suites.ts';

/** Packages on an empty root: what they need to run is in, what installs and configures them is not. */
export async function distrolessRootfs(
  settings: Pick<ImageSettings, 'sourceDateEpoch'>,
  wishes: SourceWishes & { name: string; packages: readonly string[] },
  options: MakeOptions,
): Promise<Rootfs> {
  await using undo = new AsyncDisposableStack();
  // Not below the data root: apt downloads as a user of its own, who gets no further than this folder.
  const folder = await mkdtemp(join(tmpdir(), 'silo-bootstrap-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const sources = await aptSources(wishes, folder);
  if (sources.lines.length === 0)
    throw unavailable(`this machine knows no mirror of ${titleOf(wishes.distribution)}`, {
      code: 'no-mirror',
      hint: 'give the address of its archive with --mirror',
    });
  const platform = hostPlatform();
  const { architecture } = platform;
  const { onProgress, signal } = options;
  const set = await downloadPackages({
    folder,
    sources: sources.lines,
    packages: wishes.packages,
    architecture,
    onLine: lineProgress(options),
    ...(signal ? { signal } : {}),
  });
  const epochSeconds = settings.sourceDateEpoch ?? sources.epochSeconds ?? set.epochSeconds ?? fixedEpoch;
  const total = set.files.length;
  const held = undo.move();
  return {
    image: {
      tar: mergePackages({
        files: set.files,
        architecture,
        epochSeconds,
        onPackage: (name, done) => onProgress?.({ step: 'unpack', status: `Unpacking ${name}`, done, total }),
        ...(signal ? { signal } : {}),
      }),
      platform,
      run: { Env: [`PATH=${standardPath}`, 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'] },
      createdAtMs: epochSeconds * 1000,
      createdBy: `silo image bootstrap ${wishes.name} --packages ${wishes.packages.toSorted().join(',')}`,
      comment: `${total} packages without a package manager`,
    },
    finished: Promise.resolve(),
    name: wishes.name,
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}
