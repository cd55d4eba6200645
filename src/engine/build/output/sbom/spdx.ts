import { sha256 } from '../../../../foundation/oci/digest.ts';
import type { Inventory } from './scan.ts';

interface Described {
  /** What the document is about. */
  name: string;
  /** Digest of the image's manifest. */
  digest: string;
  createdAtMs: number;
}

/** An SPDX 2.3 document (spdx.github.io/spdx-spec/v2.3); the same inventory, name and time give the same one. */
export function spdxDocument({ packages, distribution, isCut }: Inventory, image: Described): object {
  const root = 'SPDXRef-DocumentRoot-Image';
  const described = packages.map((each) => ({
    ...each,
    id: `SPDXRef-Package-${sha256(each.purl).slice(7, 23)}`,
  }));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: image.name,
    documentNamespace: `https://spdx.org/spdxdocs/silo-${image.digest.replace(':', '-')}`,
    creationInfo: {
      created: new Date(image.createdAtMs).toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: ['Tool: silo'],
      ...(isCut ? { comment: 'Not everything was looked at: parts of the image are above the limits.' } : {}),
    },
    packages: [
      {
        name: image.name,
        SPDXID: root,
        versionInfo: image.digest,
        ...unknown,
        primaryPackagePurpose: 'CONTAINER',
        ...(distribution.id === ''
          ? {}
          : { comment: `operating system: ${distribution.id} ${distribution.version}`.trim() }),
        checksums: [{ algorithm: 'SHA256', checksumValue: image.digest.slice(7) }],
      },
      ...described.map(({ id, name, version, purl, path, license, supplier }) => ({
        name,
        SPDXID: id,
        versionInfo: version,
        ...unknown,
        ...(supplier ? { supplier: `Organization: ${supplier}` } : {}),
        // Words of packages are mostly no SPDX expressions.
        ...(license ? { licenseComments: license } : {}),
        sourceInfo: `found in /${path}`,
        externalRefs: [
          { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl },
        ],
      })),
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: root },
      ...described.map(({ id }) => ({
        spdxElementId: root,
        relationshipType: 'CONTAINS',
        relatedSpdxElement: id,
      })),
    ],
  };
}

const unknown = {
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  licenseDeclared: 'NOASSERTION',
  copyrightText: 'NOASSERTION',
};
