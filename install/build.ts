/**
 * Makes `dist/`: `silo`, one executable with everything inside, and `client/`, the typed SDK for Node.
 * Usage: bun install/build.ts
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dir, '..');
const dist = join(root, 'dist');
const target = process.arch === 'arm64' ? 'bun-linux-arm64' : 'bun-linux-x64';

async function build(what: string, args: string[]): Promise<void> {
  const child = Bun.spawn([process.execPath, 'build', ...args], { cwd: root, stdout: 'ignore', stderr: 'pipe' });
  const complaints = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`building ${what} failed:\n${complaints}`);
  console.log(`built ${what}`);
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
await build('dist/silo', [
  'src/bin/silo.ts',
  '--compile',
  '--bytecode',
  '--format=esm',
  '--minify-syntax',
  '--minify-whitespace',
  `--external=${process.arch === 'arm64' ? '@koromix/koffi-linux-x64' : '@koromix/koffi-linux-arm64'}`,
  `--target=${target}`,
  '--outfile=dist/silo',
]);
await build('dist/client', ['src/frontends/client/index.ts', '--target=node', '--format=esm', '--outdir=dist/client']);
