import { Readable } from 'node:stream';
import { hostPlatform, parsePlatform } from '../../src/foundation/oci/platform.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { tarOf } from '../registry/sample-image.ts';
import { openImages } from './open-images.ts';

/** Does one thing on the stores of a folder, to be killed at a fault point: `bun crash-child.ts ROOT pull|pull-all|unpack-other|push|import|remove|remove-own NAME`. */
const [root = '', what = '', name = ''] = process.argv.slice(2);
await using open = await openImages(root);
const reference = parseReference(name);
if (what === 'pull') await open.images.pull({ reference });
else if (what === 'pull-all') await open.images.pull({ reference, platform: 'all' });
else if (what === 'unpack-other')
  await open.images.unpack(
    open.images.resolve(name, parsePlatform(process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64')).id,
  );
else if (what === 'remove-own')
  await open.images.remove(name, { force: false, prune: true, platforms: [hostPlatform()] });
else if (what === 'push') await open.images.push({ reference });
else if (what === 'import')
  await open.images.import(Readable.from([tarOf({ a: 'b' })]), { reference, createdAtMs: 0 });
else await open.images.remove(name, { force: false, prune: true });
