import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { hostPlatform, parsePlatform } from '../../../foundation/oci/platform.ts';
import { checkDockerfile } from '../../../engine/build/language/checks/check.ts';
import type { CheckResult } from '../../../engine/build/language/checks/check.ts';
import { parseIgnoreFile } from '../../../engine/build/language/ignore/ignore.ts';
import { parseDockerfile } from '../../../engine/build/language/parse/parse-dockerfile.ts';
import { planStages } from '../../../engine/build/language/stages/plan.ts';
import {
  platformArguments,
  proxyArguments,
  steeringArguments,
} from '../../../engine/build/language/stages/predefined.ts';
import { unusedArguments } from '../../../engine/build/language/stages/scope.ts';
import { readSource } from '../../../engine/build/language/text/read-source.ts';
import type { BuildCall } from '../../client/client.ts';
import { openContext } from '../build/open-context.ts';
import { readInputs } from '../build/read-inputs.ts';
import type { BuildInputs } from '../build/read-inputs.ts';
import { faultJson, findingsJson, formatFindings } from '../build/show-findings.ts';
import { defineCommand } from '../command.ts';
import { showProgress } from '../output/progress.ts';
import { visible } from '../output/text.ts';

export const command = defineCommand({
  name: 'build',
  summary: 'Build an image from a Dockerfile',
  description:
    'Build an image from a Dockerfile\n\nPATH is the folder that holds the files of the build; "-" reads a tar, or a Dockerfile alone, from standard input.\nWith --check nothing is built: everything that would make a build fail before it starts is told, and the rules of\ndocs/build-checks. The exit code is then 1 when something was found.',
  usage: 'PATH | -',
  aliases: ['image build', 'build'],
  options: {
    'build-arg': { kind: 'list', summary: 'Set build-time variables' },
    check: { kind: 'bool', summary: 'Check the Dockerfile, build nothing' },
    file: {
      kind: 'string',
      short: 'f',
      summary: 'Name of the Dockerfile (default "PATH/Dockerfile")',
      completion: 'files',
    },
    format: {
      kind: 'string',
      default: 'text',
      summary: 'Format of the findings ("text", "json")',
      completion: ['text', 'json'],
      check: (value) => {
        if (value !== 'text' && value !== 'json') throw new Error('must be "text" or "json"');
      },
    },
    iidfile: { kind: 'string', summary: 'Write the image ID to the file', completion: 'files' },
    label: { kind: 'list', summary: 'Set metadata for an image' },
    network: {
      kind: 'string',
      default: 'default',
      summary: 'Set the networking mode for the RUN instructions during build',
    },
    'no-cache': { kind: 'bool', summary: 'Do not use cache when building the image' },
    platform: { kind: 'string', summary: 'Target platform, for variables such as TARGETARCH' },
    pull: { kind: 'bool', summary: 'Always attempt to pull all referenced images' },
    quiet: { kind: 'bool', short: 'q', summary: 'Suppress the build output and print image ID on success' },
    tag: { kind: 'list', short: 't', summary: 'Name and optionally a tag (format: "name:tag")' },
    target: { kind: 'string', summary: 'Set the target build stage to build' },
  },
  args: { min: 1, max: 1 },
  completion: 'files',
  examples: [
    'silo build -t site:1 .',
    'silo build -t app --target app --build-arg VERSION=1.2 -f deploy/Dockerfile .',
    'silo build --check .',
    'silo build --check -f deploy/Dockerfile --target app --build-arg VERSION=1.2 .',
    'silo build --check --format json . | jq .warnings',
  ],
  async run({ options, args, io, client }) {
    if (!options.check) {
      const { tar, dockerfile } = await openContext(args[0] ?? '.', options.file, io);
      const request: BuildCall = {
        dockerfile,
        tags: options.tag,
        buildArguments: Object.fromEntries(readArguments(options['build-arg'], io.env)),
        labels: Object.fromEntries(options.label.map(readLabel)),
        ...(options.target === '' ? {} : { target: options.target }),
        ...(options.platform === '' ? {} : { platform: options.platform }),
        network: options.network,
        noCache: options['no-cache'],
        pull: options.pull,
        quiet: options.quiet,
      };
      let id = '';
      await showProgress((await client()).images.build(tar, request), io.stdout, (aux) => {
        if (typeof aux === 'object' && aux !== null && 'ID' in aux) id = String(aux.ID);
      });
      if (options.iidfile !== '') await writeFile(resolve(io.cwd, options.iidfile), id);
      return 0;
    }
    const inputs = await readInputs(args[0] ?? '.', options.file, io);
    const given = readArguments(options['build-arg'], io.env);
    const json = options.format === 'json';
    try {
      const { source, result, unused } = check(inputs, { ...options, given });
      for (const name of unused)
        io.stderr.write(
          `[Warning] build argument ${visible(name)} is declared by no ARG of ${visible(inputs.name)}\n`,
        );
      io.stdout.write(
        json
          ? `${JSON.stringify(findingsJson(source, result), undefined, 2)}\n`
          : formatFindings(source, result, io.stdout.isTTY === true),
      );
      return result.findings.length > 0 ? 1 : 0;
    } catch (error) {
      if (!json) throw error;
      io.stdout.write(`${JSON.stringify(faultJson(toSiloError(error)), undefined, 2)}\n`);
      return 1;
    }
  },
});

/** `KEY=VALUE`, or `KEY` alone with an empty value. */
function readLabel(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

interface Wanted {
  given: ReadonlyMap<string, string>;
  target: string;
  platform: string;
}

function check(inputs: BuildInputs, { given, target, platform }: Wanted) {
  const source = readSource(inputs.name, inputs.bytes);
  const dockerfile = parseDockerfile(source);
  const build = hostPlatform();
  const platforms = { build, target: platform === '' ? build : parsePlatform(platform) };
  const { ignore } = inputs;
  const patterns = ignore === undefined ? {} : { ignore: parseIgnoreFile(ignore.text, ignore.name) };
  // First the findings: a base that is blank for want of a default is explained by one, and then by the plan's fault.
  const result: CheckResult = checkDockerfile(dockerfile, {
    arguments: given,
    platforms,
    target,
    ...patterns,
  });
  const known = platformArguments(platforms, target);
  if (!result.findings.some(({ rule }) => rule === 'InvalidDefaultArgInFrom'))
    planStages(dockerfile, { given, platform: known, ...(target === '' ? {} : { target }) });
  const unused = unusedArguments(dockerfile, given.keys(), [
    ...known.keys(),
    ...proxyArguments,
    ...steeringArguments,
  ]);
  return { source, result, unused };
}

/** `NAME=VALUE`, or `NAME` with the value of the CLI's own environment. */
function readArguments(
  list: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const text of list) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? env[name] : text.slice(equals + 1);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}
