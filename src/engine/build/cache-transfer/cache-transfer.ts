import type { Reference } from '../../../foundation/oci/reference.ts';
import type { LayerForm } from '../output/output.ts';

/** Where the results of steps go, so that a build elsewhere need not do them again. */
export type CacheExport =
  /** Into the manifest of the image that is built: no layer more than it has. */
  | { type: 'inline' }
  /** A folder of the client: sent as a tar to `BuildClient.receive`, with a place behind those of the outputs. */
  | ({ type: 'local' } & ExportOptions)
  | ({ type: 'registry'; reference: Reference; isInsecure: boolean } & ExportOptions);

export interface ExportOptions {
  /** `min`: the layers of the result; `max`: those of all steps. */
  mode: 'min' | 'max';
  layers: LayerForm;
  /** A failure is told and does not fail the build. */
  ignoresErrors: boolean;
}

/** Where results of steps may be found. What cannot be reached is told and does not fail the build. */
export type CacheImport =
  /** A folder of the client: read with `BuildClient.cached` by its place in the list. */
  { type: 'local' } | { type: 'registry'; reference: Reference; isInsecure: boolean };
