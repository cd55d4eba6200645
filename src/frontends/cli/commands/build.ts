import { toSiloError, unsupported } from '../../../foundation/base/errors.ts';
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
import { readInputs } from '../build/read-inputs.ts';
import type { BuildInputs } from '../build/read-inputs.ts';
import { faultJson, findingsJson, formatFindings } from '../build/show-findings.ts';
import { defineCommand } from '../command.ts';
import { visible } from '../output/text.ts';

const notYet = 'building images comes with a later version of Silo';
const instead = "'silo build --check PATH' checks a Dockerfile; 'silo commit' and 'silo import' make images";

export const command = defineCommand({
  name: 'build',
  summary: 'Check a Dockerfile (building comes with a later version)',
  description: `Check a Dockerfile\n\n${notYet[0]?.toUpperCase()}${notYet.slice(1)}. What is checked: everything that would make a\nbuild fail before it starts, and the rules of docs/build-checks. The exit code is 1 when something was found.`,
  usage: 'PATH',
  aliases: ['image build', 'build'],
  usageHint: `${notYet}; ${instead}`,
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
    platform: { kind: 'string', summary: 'Target platform, for variables such as TARGETARCH' },
    target: { kind: 'string', summary: 'Set the target build stage to check' },
  },
  args: { min: 1, max: 1 },
  completion: 'files',
  examples: [
    'silo build --check .',
    'silo build --check -f deploy/Dockerfile --target app --build-arg VERSION=1.2 .',
    'silo build --check --format json . | jq .warnings',
  ],
  async run({ options, args, io }) {
    if (!options.check) throw unsupported(notYet, { hint: instead });
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
