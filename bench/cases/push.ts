import { type Case, nothing, timed } from '../case.ts';
import { command } from '../command.ts';
import { refuseErrors } from '../engines/engine.ts';
import { layerImageName } from '../fixtures/layer-image.ts';
import { pullReference, removeReference } from './layer-image-calls.ts';
import { quietDisk } from './pull.ts';

/** Each run gives the image to an empty registry: what one run sent must not be mounted or found by the next. */
export const push: Case = {
  name: 'push',
  title: 'push the same, cold, to loopback',
  unit: 'ms',
  target: 1600,
  runs: 4,
  async prepare({ api }, fixtures) {
    const reference = await fixtures.served();
    await pullReference(api, reference);
    const headers = { 'X-Registry-Auth': Buffer.from('{}').toString('base64') };
    return {
      async once() {
        await using registry = await fixtures.emptyRegistry();
        const repository = `${registry.host}/${layerImageName.split(':')[0] ?? ''}`;
        await api.call('POST', `/images/${reference}/tag?repo=${repository}&tag=1`, { accept: [201] });
        await quietDisk();
        const took = await timed(async () => {
          refuseErrors((await api.call('POST', `/images/${repository}/push?tag=1`, { headers })).text);
        });
        await api.call('DELETE', `/images/${repository}:1`, { accept: [200, 404] });
        return took;
      },
      cleanup: () => removeReference(api, reference),
    };
  },
  async prepareFloor(fixtures) {
    const { gzips } = await fixtures.layerImage();
    return {
      async once() {
        await using registry = await fixtures.emptyRegistry();
        await quietDisk();
        return await timed(() => command(['sh', '-c', floorScript, 'push', registry.host, ...gzips]));
      },
      cleanup: nothing,
    };
  },
};

/** The bare work: the digests are known, curl sends the layers side by side. */
const floorScript = `host=$1; shift
for file in "$@"; do (
  digest=$(sha256sum < "$file" | cut -d' ' -f1)
  location=$(curl -sf -o /dev/null -D - -X POST "http://$host/v2/floor/blobs/uploads/" | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
  curl -sf -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' -T "$file" "$location&digest=sha256:$digest"
) & done; wait`;
