import { checkDockerfile } from '../language/checks/check.ts';
import { secretsUsedInArgOrEnv } from '../language/checks/instruction-rules.ts';
import type { Dockerfile } from '../language/dockerfile.ts';
import type { BuildPlatforms } from '../language/stages/predefined.ts';
import type { BuildRequest } from './types.ts';

/** Everybody who gets the image can read them: told while something can still be done. */
export function warnOfSecrets(
  dockerfile: Dockerfile,
  { arguments: given, target, onProgress }: BuildRequest,
  platforms: BuildPlatforms,
): void {
  const { findings } = checkDockerfile(dockerfile, {
    arguments: given,
    platforms,
    ...(target ? { target } : {}),
  });
  for (const { rule, message, span } of findings)
    if (rule === secretsUsedInArgOrEnv.name)
      onProgress({ kind: 'warning', rule, message: `${rule}: ${message}`, place: span });
}
