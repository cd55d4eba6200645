import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lowered } from './describe.ts';
import recorded from './recorded/configuration.json';

const folder = join(import.meta.dir, 'dockerfiles/good');

/** Absent and empty are one in Docker's answers. */
const filled = (config: object): object =>
  Object.fromEntries(
    Object.entries(config).filter(([key, value]) => {
      if (key === 'Cmd' || key === 'Entrypoint') return value !== null && value !== undefined;
      return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
    }),
  );

for (const [name, config] of Object.entries(recorded))
  test(`the image of ${name} has the configuration that Docker gives it`, () => {
    const { vertices, result } = lowered('Dockerfile', readFileSync(join(folder, `${name}.Dockerfile`)));
    const end = vertices.get(result);
    expect(end?.kind === 'meta' && filled(end.config)).toEqual(config);
  });
