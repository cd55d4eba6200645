import { writeSync } from 'node:fs';
import type { DaemonOptions, DoctorOptions } from '../frontends/cli/deps.ts';
import type { CliInput, CliIo } from '../frontends/cli/io.ts';
import { runCli } from '../frontends/cli/run-cli.ts';
import { openStandardInput } from './standard-input.ts';
import { finishOutput } from './standard-output.ts';
import { version } from './version.ts';

/** Bun makes the standard streams when they are first touched, so they are touched only when needed. */
let stdin: CliInput | undefined;
let unreadCode = 0;
const io: CliIo = {
  get stdin() {
    return (stdin ??= openStandardInput());
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  env: process.env,
  cwd: process.cwd(),
  onSignal(name, listener) {
    process.on(name, listener);
    return { [Symbol.dispose]: () => process.off(name, listener) };
  },
  passOutputThrough: async () => (await import('../foundation/kernel/terminal.ts')).passOutputThrough(1),
  setUnreadCode: (code) => void (unreadCode = code),
  now: () => Date.now(),
};

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === '__unpack') {
    const { runUnpack } = await import('../foundation/archive/unpack.ts');
    return await runUnpack(argv.slice(1));
  }
  if (argv[0] === '__pack') {
    const { runPack } = await import('../foundation/archive/pack.ts');
    return await runPack(argv.slice(1));
  }
  if (argv[0] === '__files') {
    const { runFilesHelper } = await import('../engine/container/files/helper.ts');
    return await runFilesHelper(argv.slice(1));
  }
  if (argv[0] === '__measure') {
    const { runMeasure } = await import('../foundation/kernel/tree-usage-process.ts');
    return runMeasure(argv.slice(1));
  }
  if (argv[0] === '__volume') {
    const { runVolumeHelper } = await import('../resources/volume/run-volume-helper.ts');
    return await runVolumeHelper(argv.slice(1));
  }
  if (argv[0] === '__resolver') {
    const { serveResolver } = await import('../resources/network/resolver/serve.ts');
    return await serveResolver(argv[1] ?? '', () => void process.stdout.write('\n'));
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `silo ps | head`: who reads no longer has no use for the rest.
    if (error.code === 'EPIPE') process.exit(unreadCode);
    writeSync(2, `silo: writing the output: ${error.message}\n`);
    process.exit(1);
  });
  const exitCode = await runCli(argv, io, {
    version,
    runDaemon: async (options: DaemonOptions) => (await import('./daemon.ts')).runDaemon(options),
    runDoctor: async (options: DoctorOptions) => (await import('./doctor.ts')).runDoctor(options),
    rebuildDatabase: async (options) => (await import('./rebuild-database.ts')).runRebuild(options),
    serveRegistry: async (options) => (await import('./registry.ts')).serveRegistry(options),
    collectRegistry: async (options) => (await import('./registry.ts')).collectRegistry(options),
    startDaemon: async (options) => (await import('./start-daemon.ts')).startDaemon(options),
    stopDaemon: async (options) => (await import('./stop-daemon.ts')).stopDaemon(options),
  });
  await Promise.all([finishOutput(process.stdout), finishOutput(process.stderr)]);
  return exitCode;
}

process.exit(await main(process.argv.slice(2)));
