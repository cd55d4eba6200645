/**
 * Makes `dist/`: `silo`, one executable with everything inside, and `client/`, the typed SDK for Node and Bun.
 * The same commit gives the same bytes: no time but the commit's goes in.
 * Usage: bun install/build.ts [silo|client]
 */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dir, '..');
const [target, otherKoffi] =
  process.arch === 'arm64'
    ? ['bun-linux-arm64', '@koromix/koffi-linux-x64']
    : ['bun-linux-x64', '@koromix/koffi-linux-arm64'];

/** The output of a command in the root; empty when it fails. */
async function ask(command: string, ...args: string[]): Promise<string> {
  if (Bun.which(command) === null) return '';
  const child = Bun.spawn([command, ...args], { cwd: root, stdout: 'pipe', stderr: 'ignore' });
  const text = await new Response(child.stdout).text();
  return (await child.exited) === 0 ? text.trim() : '';
}

async function run(what: string, command: string[]): Promise<void> {
  const child = Bun.spawn(command, { cwd: root, stdout: 'pipe', stderr: 'pipe' });
  const [output, complaints] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) === 0) return;
  console.error(`building ${what} failed:\n${output}${complaints}`);
  process.exit(1);
}

/** Commit and its time, in UTC; `-dirty` when the tree holds more than the commit. */
async function identity(): Promise<{ commit: string; time: string }> {
  const [commit, seconds, changes] = await Promise.all([
    ask('git', 'rev-parse', '--short=12', 'HEAD'),
    ask('git', 'log', '-1', '--format=%ct'),
    ask('git', 'status', '--porcelain', '--untracked-files=no'),
  ]);
  if (commit === '') return { commit: 'source', time: '' };
  return {
    commit: changes === '' ? commit : `${commit}-dirty`,
    time: new Date(Number(seconds) * 1000).toISOString(),
  };
}

/**
 * Splitting and bytecode together decide the start: 11 ms of processor for `silo --version`, 20 with bytecode alone, 80 without. Names stay,
 * for stack traces. The executable must not obey the .env and bunfig.toml of the folder in which it is called.
 */
async function buildExecutable(): Promise<void> {
  const { commit, time } = await identity();
  await run('dist/silo', [
    process.execPath,
    'build',
    'src/bin/silo.ts',
    '--compile',
    `--target=${target}`,
    '--format=esm',
    '--bytecode',
    '--splitting',
    '--minify-syntax',
    '--minify-whitespace',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    `--define=process.env.SILO_BUILD_COMMIT=${JSON.stringify(commit)}`,
    `--define=process.env.SILO_BUILD_TIME=${JSON.stringify(time)}`,
    `--external=${otherKoffi}`,
    '--outfile=dist/silo',
  ]);
  report('dist/silo', `commit ${commit}`);
}

async function buildClient(): Promise<void> {
  rmSync(join(root, 'dist/client'), { recursive: true, force: true });
  await Promise.all([
    run('dist/client', [
      process.execPath,
      'build',
      'src/frontends/client/index.ts',
      '--target=node',
      '--format=esm',
      '--outfile=dist/client/index.js',
    ]),
    run('the types of dist/client', ['node_modules/.bin/tsc', '-p', 'install/client-types.json']),
  ]);
  report('dist/client/index.js', 'types beside it');
}

function report(path: string, note: string): void {
  const megabytes = statSync(join(root, path)).size / 1e6;
  console.log(`built ${path} (${megabytes.toFixed(megabytes < 1 ? 2 : 0)} MB, ${note})`);
}

const wanted = process.argv[2];
mkdirSync(join(root, 'dist'), { recursive: true });
if (wanted !== 'client') await buildExecutable();
if (wanted !== 'silo') await buildClient();
