import { describe, expect, test } from 'bun:test';
import { containerCreateBody, execCreateBody } from '../../src/frontends/api/input/container-bodies.ts';
import { fieldNames } from '../../src/frontends/api/input/decode.ts';
import { networkCreateBody, volumeCreateBody } from '../../src/frontends/api/input/other-bodies.ts';
import { definitionMissing, fieldsOfSchema, readDefinition, type Schema } from './definition.ts';

if (definitionMissing) console.log(`skipped: fields of requests: ${definitionMissing}`);

/** Fields of the definition that a decoder does not read, each with the reason. */
const unread: { at: RegExp; why: string }[] = [
  { at: /^ClusterVolumeSpec\./, why: 'refused as a whole: there is no swarm' },
  { at: /\.ClusterOptions\./, why: 'refused as a whole: there is no swarm' },
];

const bodies: [string, Parameters<typeof fieldNames>[0], (definitions: Record<string, Schema>) => Schema][] =
  [
    [
      'containers/create',
      containerCreateBody,
      ({ ContainerConfig = {}, HostConfig = {}, NetworkingConfig = {} }) => ({
        allOf: [ContainerConfig, { type: 'object', properties: { HostConfig, NetworkingConfig } }],
      }),
    ],
    ['exec', execCreateBody, ({ ExecConfig = {} }) => ExecConfig],
    ['networks/create', networkCreateBody, ({ NetworkCreateRequest = {} }) => NetworkCreateRequest],
    ['volumes/create', volumeCreateBody, ({ VolumeCreateOptions = {} }) => VolumeCreateOptions],
  ];

describe.skipIf(definitionMissing !== undefined)('every field of the definition', () => {
  test.each(bodies)('of %s is read, or known not to be', (_name, decode, schemaOf) => {
    const root = readDefinition();
    const read = new Set(fieldNames(decode));
    const lost = fieldsOfSchema(root, schemaOf(root.definitions)).filter(
      (field) => !read.has(field) && !unread.some(({ at }) => at.test(field)),
    );
    expect(lost).toEqual([]);
    expect(read.size).toBeGreaterThan(3);
  });
});
