import { parseCheckSettings } from '../text/directives.ts';
import type { Dockerfile } from '../dockerfile.ts';
import type { IgnoreMatcher } from '../ignore/ignore.ts';
import { platformArguments } from '../stages/predefined.ts';
import type { BuildPlatforms } from '../stages/predefined.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import type { Finding, Rule } from './finding.ts';
import { pageName, rules } from './rules.ts';
import { findVariableUses } from './variables.ts';
import type { KnownEnvironment } from './variables.ts';

export interface CheckOptions {
  arguments?: ReadonlyMap<string, string>;
  platforms: BuildPlatforms;
  target?: string;
  ignore?: IgnoreMatcher;
  environmentOf?: KnownEnvironment;
}

export interface CheckResult {
  /** In the order of the file. */
  findings: readonly Finding[];
  /** The file or the caller wants findings to fail a build. */
  error: boolean;
}

/** The build argument that steers checks in the place of the file's directive. */
const steering = 'BUILDKIT_DOCKERFILE_CHECK';

/** Applies every rule that is wanted. Kind `invalid` for what cannot be built at all (words that cannot be expanded). */
export function checkDockerfile(dockerfile: Dockerfile, options: CheckOptions): CheckResult {
  const given = options.arguments ?? new Map<string, string>();
  const settings = settingsOf(dockerfile, given.get(steering));
  const platform = platformArguments(options.platforms, options.target ?? '');
  const variables = findVariableUses(dockerfile, { given, platform }, options.environmentOf);
  const ignore = options.ignore === undefined ? {} : { ignore: options.ignore };
  const findings = rules.filter(wanted(settings)).flatMap((rule) =>
    Array.from(rule.check({ dockerfile, arguments: given, variables, ...ignore }), (found) => ({
      rule: rule.name,
      description: rule.description,
      page: `docs/build-checks/${pageName(rule.name)}.md`,
      ...found,
    })),
  );
  findings.sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
  return { findings, error: settings.error };
}

type Settings = Exclude<ReturnType<typeof parseCheckSettings>, string>;

function settingsOf(dockerfile: Dockerfile, argument: string | undefined): Settings {
  if (argument === undefined)
    return dockerfile.directives.check ?? { skip: [], experimental: [], error: false };
  const settings = parseCheckSettings(argument);
  if (typeof settings !== 'string') return settings;
  throw invalid(`invalid value of ${steering}: ${JSON.stringify(settings)}`, {
    hint: `write ${steering}=skip=RuleA,RuleB;error=true`,
  });
}

function wanted(settings: Settings): (rule: Rule) => boolean {
  const has = (list: readonly string[]): ((name: string) => boolean) => {
    const names = new Set(list.map((name) => name.toLowerCase()));
    return (name) => names.has('all') || names.has(name.toLowerCase());
  };
  const skipped = has(settings.skip);
  const asked = has(settings.experimental);
  return ({ name, experimental = false }) => !skipped(name) && (!experimental || asked(name));
}
