import { toSiloError } from '../../../foundation/base/errors.ts';
import { hostPlatform, parsePlatform } from '../../../foundation/oci/platform.ts';
import { checkDockerfile, type CheckResult } from '../../../engine/build/language/checks/check.ts';
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
import type { CliIo } from '../io.ts';
import { visible } from '../output/text.ts';
import { readArguments } from './arguments.ts';
import type { BuildOptionValues } from './options.ts';
import { type BuildInputs, readInputs } from './read-inputs.ts';
import { faultJson, findingsJson, formatFindings } from './show-findings.ts';

/** `silo build --check`: the exit code is 1 when there is anything to tell. */
export async function runCheck(context: string, options: BuildOptionValues, io: CliIo): Promise<number> {
  const inputs = await readInputs(context, options.file, io);
  const given = readArguments(options['build-arg'], io.env);
  const json = options.format === 'json';
  try {
    const { source, result, unused } = check(inputs, {
      given,
      target: options.target,
      platform: options.platform[0] ?? '',
    });
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

/** `silo build --call=targets`: the stages that --target may name, the one that is built by default marked. */
export async function listTargets(context: string, options: BuildOptionValues, io: CliIo): Promise<number> {
  const inputs = await readInputs(context, options.file, io);
  const { stages } = parseDockerfile(readSource(inputs.name, inputs.bytes));
  const targets = stages.map(({ name, index }) => ({
    name: name ?? String(index),
    default: index === stages.length - 1,
  }));
  if (options.format === 'json') io.stdout.write(`${JSON.stringify({ targets }, undefined, 2)}\n`);
  else
    for (const { name, default: isDefault } of targets)
      io.stdout.write(`${visible(name)}${isDefault ? ' (default)' : ''}\n`);
  return 0;
}
