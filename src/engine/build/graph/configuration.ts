import { posix } from 'node:path';
import type { ImageHealthcheck, ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import { parseDurationNs } from '../../image/compose/duration.ts';
import type { CommandLine, Healthcheck, Instruction, OnBuild } from '../language/instruction.ts';
import type { StageScope } from '../language/stages/scope.ts';
import { faultAt } from '../language/text/fault.ts';
import { sourceLimits } from '../language/text/limits.ts';
import type { Source } from '../language/text/source.ts';
import type { Word } from '../language/text/span.ts';

export const defaultShell: readonly string[] = ['/bin/sh', '-c'];

/** What the kernel gets: words as they are, text behind the stage's shell. */
export const argumentsOf = (command: CommandLine, config: ImageRunConfig): string[] =>
  command.form === 'exec'
    ? command.words.map(({ text }) => text)
    : [...(config.Shell ?? defaultShell), command.text.text];

export interface Configuring {
  config: ImageRunConfig;
  scope: StageScope;
  source: Source;
  /** Of the stage so far. */
  progress: { setsCommand: boolean; ports: number };
}

/**
 * Applies an instruction to the image's configuration, and ARG and ENV to the scope. Instructions that touch files do nothing here, except
 * that WORKDIR also sets the folder in which the next ones run.
 */
export function applyConfiguration(
  instruction: Instruction,
  { config, scope, source, progress }: Configuring,
): void {
  const text = (word: Word): string => scope.expand(word).text;
  switch (instruction.name) {
    case 'ARG':
      scope.declare(instruction);
      return;
    case 'ENV': {
      const pairs = instruction.pairs.map(({ key, value }) => [text(key), text(value)] as const);
      for (const [key, value] of pairs) scope.setEnvironment(key, value);
      return;
    }
    case 'LABEL':
      // In place: a file may hold thousands.
      config.Labels ??= {};
      for (const { key, value } of instruction.pairs) setOwn(config.Labels, text(key), text(value));
      return;
    case 'CMD':
      config.Cmd = orNull(argumentsOf(instruction.command, config));
      config.ArgsEscaped = true;
      progress.setsCommand = true;
      return;
    case 'ENTRYPOINT':
      config.Entrypoint = orNull(argumentsOf(instruction.command, config));
      config.ArgsEscaped = true;
      // A command of the base was meant for another entrypoint.
      if (!progress.setsCommand) delete config.Cmd;
      return;
    case 'EXPOSE':
      config.ExposedPorts ??= {};
      for (const word of instruction.ports)
        for (const port of portsOf(text(word), word, { source, progress })) config.ExposedPorts[port] = {};
      return;
    case 'VOLUME':
      config.Volumes ??= {};
      for (const word of instruction.paths) setOwn(config.Volumes, notBlank(text(word), word, source), {});
      return;
    case 'USER':
      config.User = text(instruction.value);
      return;
    case 'WORKDIR':
      config.WorkingDir = posix.resolve('/', config.WorkingDir ?? '/', text(instruction.value));
      return;
    case 'STOPSIGNAL':
      config.StopSignal = text(instruction.value);
      return;
    case 'SHELL':
      config.Shell = instruction.words.map((word) => word.text);
      return;
    case 'HEALTHCHECK':
      config.Healthcheck = healthcheckOf(instruction, config);
      return;
    case 'ONBUILD': {
      (config.OnBuild ??= []).push(triggerText(instruction.trigger));
      return;
    }
    case 'FROM':
    case 'RUN':
    case 'COPY':
    case 'ADD':
    case 'MAINTAINER':
      return;
  }
}

const orNull = (list: string[]): string[] | null => (list.length === 0 ? null : list);

/** A plain assignment would lose the key `__proto__`. */
function setOwn<Value>(record: Record<string, Value>, key: string, value: Value): void {
  Object.defineProperty(record, key, { value, enumerable: true, writable: true, configurable: true });
}

/** The instruction as one text that parses back to it, here-documents included. */
function triggerText(trigger: OnBuild['trigger']): string {
  const flags = trigger.flags.map(
    ({ name, value }) => ` --${name}${value === undefined ? '' : `=${value.text}`}`,
  );
  const documents =
    trigger.name === 'RUN' || trigger.name === 'COPY' || trigger.name === 'ADD' ? trigger.hereDocuments : [];
  const contents = documents.map(({ content, name }) => `\n${content}${name}`);
  return `${trigger.keyword.text}${flags.join('')} ${trigger.rest.text}${contents.join('')}`;
}

function notBlank(text: string, { span }: Word, source: Source): string {
  if (text.trim() !== '') return text;
  throw faultAt(source, span, {
    code: 'blank-volume',
    message: 'VOLUME specified can not be an empty string',
  });
}

/** The value of a variable may hold several ports; addresses and ports of the host are ignored. */
function portsOf(
  text: string,
  { span }: Word,
  { source, progress }: Pick<Configuring, 'source' | 'progress'>,
): string[] {
  return text.split(/\s+/).flatMap((word) => {
    if (word === '') return [];
    const match = /^(?:[^/]*:)?(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || last > 65_535 || first > last)
      throw faultAt(source, span, {
        code: 'invalid-port',
        message: `invalid containerPort: ${word.slice(0, 60)}`,
      });
    progress.ports += last - first + 1;
    if (progress.ports > sourceLimits.ports)
      throw faultAt(source, span, {
        code: 'too-many-ports',
        message: `more than ${sourceLimits.ports} exposed ports`,
      });
    const protocol = (match[3] ?? 'tcp').toLowerCase();
    return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
  });
}

function healthcheckOf(instruction: Healthcheck, config: ImageRunConfig): ImageHealthcheck {
  const { command, interval, timeout, startPeriod, startInterval, retries } = instruction;
  if (command === undefined) return { Test: ['NONE'] };
  const duration = (word: Word | undefined): number =>
    word === undefined || word.text === '' ? 0 : parseDurationNs(word.text);
  const test =
    command.form === 'exec'
      ? ['CMD', ...argumentsOf(command, config)]
      : config.Shell === undefined
        ? ['CMD-SHELL', command.text.text]
        : ['CMD', ...argumentsOf(command, config)];
  const numbers = {
    Interval: duration(interval),
    Timeout: duration(timeout),
    StartPeriod: duration(startPeriod),
    StartInterval: duration(startInterval),
    Retries: Number(retries?.text ?? 0),
  };
  return { Test: test, ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value > 0)) };
}
