import type { Client } from '../client/client.ts';
import type { Command, Invocation } from './command.ts';
import { findCommand } from './commands/find.ts';
import { commandGroups } from './commands/index.ts';
import type { CliDeps } from './deps.ts';
import { reportError, usageExitCode } from './exit.ts';
import { chooseContext, resolveTarget } from './contexts/select.ts';
import type { Choice, Target } from './contexts/target.ts';
import { globalOptions } from './globals.ts';
import type { CliIo } from './io.ts';
import { formatTableOption } from './output/option-specs.ts';
import { UsageError, parseOptions } from './options.ts';
import type { OptionValues } from './command.ts';

/** Runs one command line (without the program's name) and resolves to the exit code. Never throws. */
export async function runCli(argv: readonly string[], io: CliIo, deps: CliDeps): Promise<number> {
  try {
    return await dispatch(argv, io, deps);
  } catch (error) {
    return reportError(io.stderr, error);
  }
}

async function dispatch(argv: readonly string[], process: CliIo, deps: CliDeps): Promise<number> {
  const parsed = readGlobals(argv, process);
  if (typeof parsed === 'number') return parsed;
  const globals = parsed.values as OptionValues<typeof globalOptions>;
  const io = globals.config === '' ? process : withConfig(process, globals.config);
  if (globals.version) {
    io.stdout.write(`Silo version ${deps.version.version}, build ${deps.version.gitCommit}\n`);
    return 0;
  }
  const [first, ...rest] = parsed.args;
  if (first === undefined || first === 'help' || parsed.help) {
    const { runHelp } = await import('./run-help.ts');
    return await runHelp(first === 'help' || first === undefined ? rest : parsed.args, io);
  }
  if (first === '__complete') {
    const { runComplete } = await import('./completion/complete.ts');
    return await runComplete(rest, { io, ...connection(globals, io, deps, { revive: false }) });
  }
  const found = findCommand(first, rest);
  if (found === undefined) return await explainUnknown(first, rest, io);
  const command = await found.load();
  return await runCommand(command, found, {
    io,
    deps,
    ...connection(globals, io, deps, { revive: true }),
  });
}

/** `--config` goes before `DOCKER_CONFIG`, and means the same. */
function withConfig(io: CliIo, folder: string): CliIo {
  return { ...io, env: { ...io.env, DOCKER_CONFIG: folder } };
}

function readGlobals(argv: readonly string[], io: CliIo): ReturnType<typeof parseOptions> | number {
  try {
    return parseOptions(argv, globalOptions, { optionsFirst: true });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.stderr.write(
      `${error.message}\n\nUsage:  silo [OPTIONS] COMMAND [ARG...]\n\nRun 'silo --help' for more information\n`,
    );
    return usageExitCode;
  }
}

async function explainUnknown(first: string, rest: readonly string[], io: CliIo): Promise<number> {
  if (!Object.hasOwn(commandGroups, first)) {
    const { similarCommands } = await import('./run-help.ts');
    io.stderr.write(
      `silo: unknown command: silo ${first}\n${similarCommands(first)}\nRun 'silo --help' for more information\n`,
    );
    return 1;
  }
  const [second] = rest;
  if (second === undefined || second === '--help' || second === '-h') {
    const { runHelp } = await import('./run-help.ts');
    return await runHelp([first], io);
  }
  const { similarMembers } = await import('./run-help.ts');
  io.stderr.write(
    `silo: unknown command: silo ${first} ${second}\n\nUsage:  silo ${first}\n\nRun 'silo ${first} --help' for more information\n${similarMembers(first, second)}`,
  );
  return 1;
}

interface Surroundings {
  io: CliIo;
  deps: CliDeps;
  choice: Choice;
  target: () => Promise<Target>;
  client: () => Promise<Client>;
}

async function runCommand(
  command: Command,
  { name, words }: { name: string; words: readonly string[] },
  around: Surroundings,
): Promise<number> {
  const { io } = around;
  let parsed: ReturnType<typeof parseOptions>;
  try {
    parsed = parseOptions(words, command.options, { optionsFirst: command.optionsFirst ?? false });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const hint = error.hint ?? command.usageHint;
    const { usageLine } = await import('./help.ts');
    io.stderr.write(
      `${error.message}\n\n${usageLine(command, name)}\n\nRun 'silo ${name} --help' for more information\n${hint === undefined ? '' : `Hint: ${hint}\n`}`,
    );
    return usageExitCode;
  }
  if (parsed.help) {
    const { commandHelp } = await import('./run-help.ts');
    io.stdout.write(await commandHelp(command, name, io.stdout.columns ?? 80));
    return 0;
  }
  const complaint = checkArguments(command, parsed.args.length);
  if (complaint !== undefined) {
    const { usageLine } = await import('./help.ts');
    io.stderr.write(
      `silo: 'silo ${name}' ${complaint.text}\n\n${usageLine(command, name)}\n\n${complaint.verb} 'silo ${name} --help' for more information\n`,
    );
    return 1;
  }
  if (command.formatPreference !== undefined || command.options['detach-keys'] !== undefined) {
    const { applyPreferences } = await import('./preferences.ts');
    await applyPreferences(command, parsed, io);
  }
  if (command.options['format'] === formatTableOption) {
    // A mistake in the template is told before anything is asked of the daemon.
    const { checkFormat } = await import('./output/rows.ts');
    checkFormat(String(parsed.values['format']));
  }
  const invocation: Invocation = {
    ...around,
    options: parsed.values as Invocation['options'],
    given: parsed.given,
    args: parsed.args,
  };
  return await command.run(invocation);
}

function checkArguments(command: Command, count: number): { text: string; verb: 'See' | 'Run' } | undefined {
  const { min, max } = command.args;
  if (count >= min && (max === undefined || count <= max)) return undefined;
  const words = (number: number): string => `${number} ${number === 1 ? 'argument' : 'arguments'}`;
  if (max === undefined) return { text: `requires at least ${words(min)}`, verb: 'See' };
  if (max === 0) return { text: 'accepts no arguments', verb: 'Run' };
  if (min === max) return { text: `requires ${words(min)}`, verb: 'Run' };
  if (min === 0) return { text: `requires at most ${words(max)}`, verb: 'Run' };
  return { text: `requires at least ${min} and at most ${words(max)}`, verb: 'Run' };
}

/** The client, made when first asked for. Only the default daemon is started when it does not run. */
function connection(
  globals: OptionValues<typeof globalOptions>,
  io: CliIo,
  deps: CliDeps,
  { revive }: { revive: boolean },
): Pick<Surroundings, 'choice' | 'target' | 'client'> {
  const choice = chooseContext(globals, io.env);
  const target = (): Promise<Target> => resolveTarget(choice, globals, io.env);
  let client: Promise<Client> | undefined;
  const create = async (): Promise<Client> => {
    const { createClient } = await import('../client/create-client.ts');
    const { host, isDefault, tls, namedBy } = await target();
    const apiVersion = io.env['DOCKER_API_VERSION'];
    const { startDaemon } = deps;
    return createClient({
      host,
      userAgent: `Silo-Client/${deps.version.version} (linux)`,
      ...(tls ? { tls } : {}),
      ...(namedBy === undefined ? {} : { namedBy }),
      ...(apiVersion ? { apiVersion } : {}),
      ...(startDaemon && isDefault && revive
        ? {
            onUnreachable: async () => {
              await startDaemon({ host, report: (line) => io.stderr.write(`${line}\n`) });
              return true;
            },
          }
        : {}),
    });
  };
  return { choice, target, client: () => (client ??= create()) };
}
