import { writeSync } from 'node:fs';
import { serveResolver } from '../resources/network/resolver/serve.ts';

/** The process that answers names of containers; `resources/network/resolver` starts it. */
process.exit(await serveResolver(process.argv[2] ?? '', () => void writeSync(1, '\n')));
