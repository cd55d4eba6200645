import { type Outline, type OutlinedInput, outlineOf } from '../../../engine/build/language/outline.ts';
import { parseDockerfile } from '../../../engine/build/language/parse/parse-dockerfile.ts';
import { platformArguments } from '../../../engine/build/language/stages/predefined.ts';
import { readSource } from '../../../engine/build/language/text/read-source.ts';
import { hostPlatform, parsePlatform } from '../../../foundation/oci/platform.ts';
import type { CliIo } from '../io.ts';
import { alignTabs } from '../output/tabs.ts';
import { visible } from '../output/text.ts';
import { readArguments } from './arguments.ts';
import type { BuildOptionValues } from './options.ts';
import { readInputs } from './read-inputs.ts';

/** `silo build --call=outline`: what whoever builds the target may give: arguments, secrets and agents. */
export async function showOutline(context: string, options: BuildOptionValues, io: CliIo): Promise<number> {
  const inputs = await readInputs(context, options.file, io);
  const dockerfile = parseDockerfile(readSource(inputs.name, inputs.bytes));
  const build = hostPlatform();
  const [wanted] = options.platform;
  const platforms = { build, target: wanted ? parsePlatform(wanted) : build };
  const given = readArguments(options['build-arg'], io.env);
  const args = { given, platform: platformArguments(platforms, options.target) };
  const outline = outlineOf(dockerfile, args, options.target);
  io.stdout.write(
    options.format === 'json'
      ? `${JSON.stringify(outlineJson(outline, inputs.name), undefined, 2)}\n`
      : formatOutline(outline),
  );
  return 0;
}

function formatOutline({ name, description, args, secrets, ssh }: Outline): string {
  const title = [
    ['TARGET:', name === '' ? '(default)' : name],
    ...(description === '' ? [] : [['DESCRIPTION:', description]]),
  ];
  const flags = (heading: string, list: readonly OutlinedInput[]): string[][] => [
    [heading, 'REQUIRED'],
    ...list.map((each) => [each.name, each.required === true ? 'true' : '']),
  ];
  const tables = [
    ...(name === '' ? [] : [title]),
    ...(args.length > 0
      ? [
          [
            ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
            ...args.map((each) => [each.name, each.value ?? '', each.description ?? '']),
          ],
        ]
      : []),
    ...(secrets.length > 0 ? [flags('SECRET', secrets)] : []),
    ...(ssh.length > 0 ? [flags('SSH', ssh)] : []),
  ];
  return tables
    .map((rows) => `${alignTabs(rows.map((row) => row.map(cell).join('\t')).join('\n'), cells)}\n`)
    .join('\n');
}

const cell = (text: string): string => visible(text.replace(/\s+/g, ' '));

const cells = { minimumWidth: 0, padding: 3 };

/** In the shape of BuildKit's. */
function outlineJson({ name, description, args, secrets, ssh }: Outline, file: string): object {
  const list = (key: string, all: readonly OutlinedInput[]): object => {
    if (all.length === 0) return {};
    const located = all.map(({ line, ...each }) => {
      const at = { line, character: 0 };
      return { ...each, location: { file, ranges: [{ start: at, end: at }] } };
    });
    return { [key]: located };
  };
  return {
    ...(name === '' ? {} : { name }),
    ...(description === '' ? {} : { description }),
    ...list('args', args),
    ...list('secrets', secrets),
    ...list('ssh', ssh),
  };
}
