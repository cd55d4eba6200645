import { splitPair } from '../../../foundation/base/split-pair.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import {
  environmentOf,
  type ImageHealthcheck,
  type ImageRunConfig,
} from '../../../foundation/oci/image-config.ts';
import { posix } from 'node:path';
import { parseDurationNs } from './duration.ts';
import { notAChange } from '../texts.ts';
import { expandText, splitWords } from './words.ts';

type Change = (config: ImageRunConfig, rest: string) => void;

/** `--change` of import and commit: Dockerfile instructions that only touch the configuration. Kind `invalid` with the instruction. */
export function applyChanges(config: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  const result = structuredClone(config);
  let setsCommand = false;
  for (const text of changes) {
    const [, instruction = '', rest = ''] = /^\s*(\S+)\s*([^]*)$/.exec(text) ?? [];
    const name = instruction.toUpperCase();
    const change = Object.hasOwn(instructions, name) ? instructions[name] : undefined;
    if (!change) throw notAChange(instruction);
    change(result, rest.trim());
    // As in a build: a command that was meant for another entrypoint goes.
    setsCommand ||= name === 'CMD';
    if (name === 'ENTRYPOINT' && !setsCommand) delete result.Cmd;
  }
  return result;
}

const instructions: Record<string, Change> = {
  CMD: (config, rest) => {
    config.Cmd = commandOf(rest, config);
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = commandOf(rest, config);
  },
  ENV: (config, rest) => {
    const environment = environmentOf(config);
    for (const [name, value] of pairs('ENV', rest, environment)) environment.set(name, value);
    config.Env = [...environment].map(([name, value]) => `${name}=${value}`);
  },
  LABEL: (config, rest) => {
    const labels = pairs('LABEL', rest, environmentOf(config));
    config.Labels = Object.fromEntries([...Object.entries(config.Labels ?? {}), ...labels]);
  },
  EXPOSE: (config, rest) => {
    const ports = splitWords(required('EXPOSE', rest), environmentOf(config)).flatMap(portsOf);
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  },
  USER: (config, rest) => {
    config.User = expandText(required('USER', rest), environmentOf(config));
  },
  VOLUME: (config, rest) => {
    const text = required('VOLUME', rest);
    const paths = jsonWords(text) ?? splitWords(text, environmentOf(config));
    if (paths.some((path) => path.trim() === ''))
      throw invalid('VOLUME specified can not be an empty string');
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) };
  },
  WORKDIR: (config, rest) => {
    const path = expandText(required('WORKDIR', rest), environmentOf(config));
    config.WorkingDir = posix.resolve('/', config.WorkingDir ?? '/', path);
  },
  STOPSIGNAL: (config, rest) => {
    const signal = expandText(required('STOPSIGNAL', rest), environmentOf(config));
    if (!/^(\d{1,2}|(SIG)?[A-Za-z][A-Za-z0-9+-]*)$/.test(signal))
      throw invalid(`Invalid signal: ${signal.slice(0, 60)}`);
    config.StopSignal = signal;
  },
  ONBUILD: (config, rest) => {
    const trigger = required('ONBUILD', rest);
    const word = (trigger.split(/\s/, 1)[0] ?? '').toUpperCase();
    if (['ONBUILD', 'FROM', 'MAINTAINER'].includes(word))
      throw invalid(`${word} isn't allowed as an ONBUILD trigger`);
    config.OnBuild = [...(config.OnBuild ?? []), trigger];
  },
  HEALTHCHECK: (config, rest) => {
    config.Healthcheck = healthcheckOf(required('HEALTHCHECK', rest), config);
  },
};

function required(instruction: string, rest: string): string {
  if (rest === '') throw invalid(`${instruction} requires at least one argument`);
  return rest;
}

/** `["a", "b"]` as it stands, anything else through the shell. */
function commandOf(rest: string, config: ImageRunConfig): string[] {
  if (rest === '') return [];
  return jsonWords(rest) ?? [...(config.Shell ?? ['/bin/sh', '-c']), rest];
}

function jsonWords(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((word) => typeof word === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `A=b C="d e"`, or the old form `A all the rest`. */
function pairs(
  instruction: string,
  rest: string,
  environment: ReadonlyMap<string, string>,
): [string, string][] {
  const [, name = '', value] = /^([^\s=]+)\s+([^]*)$/.exec(required(instruction, rest)) ?? [];
  if (value !== undefined && !value.startsWith('=')) return [[name, expandText(value, environment)]];
  return splitWords(rest, environment).map((word) => {
    const [key, text] = splitPair(word);
    if (key === '' || text === undefined)
      throw invalid(`Syntax error - can't find = in "${word.slice(0, 80)}". Must be of the form: name=value`);
    return [key, text];
  });
}

/** `80`, `80/udp`, `8000-8002/tcp`. */
function portsOf(word: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || first < 1 || last > 65535 || last < first)
    throw invalid(`Invalid containerPort: ${word.slice(0, 60)}`);
  const protocol = (match[3] ?? 'tcp').toLowerCase();
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

const options: Record<string, 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval' | 'Retries'> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
  retries: 'Retries',
};

function healthcheckOf(text: string, config: ImageRunConfig): ImageHealthcheck {
  const check: ImageHealthcheck = {};
  let rest = text;
  for (;;) {
    const match = /^--([a-z-]+)=(\S+)\s*/.exec(rest);
    if (!match) break;
    const [whole, name = '', value = ''] = match;
    const field = Object.hasOwn(options, name) ? options[name] : undefined;
    if (!field) throw invalid(`unknown flag: ${name} of HEALTHCHECK`);
    check[field] = field === 'Retries' ? retriesOf(value) : parseDurationNs(value);
    rest = rest.slice(whole.length);
  }
  const [, kind = '', command = ''] = /^(\S+)\s*([^]*)$/.exec(rest) ?? [];
  if (kind.toUpperCase() === 'NONE') return { Test: ['NONE'] };
  if (kind.toUpperCase() !== 'CMD')
    throw invalid(`Unknown type "${kind.slice(0, 60)}" in HEALTHCHECK (try CMD)`);
  if (command === '') throw invalid('Missing command after HEALTHCHECK CMD');
  const words = jsonWords(command);
  const shell = config.Shell;
  return {
    Test: words ? ['CMD', ...words] : shell ? ['CMD', ...shell, command] : ['CMD-SHELL', command],
    ...check,
  };
}

function retriesOf(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw invalid(`--retries must be at least 0, not "${value.slice(0, 40)}"`);
  return Number(value);
}
