import {
  exposeInvalidFormat,
  invalidDefinitionDescription,
  jsonArgsRecommended,
  legacyKeyValueFormat,
  maintainerDeprecated,
  noEmptyContinuation,
  secretsUsedInArgOrEnv,
} from './instruction-rules.ts';
import {
  consistentInstructionCasing,
  exposeProtoCasing,
  fromAsCasing,
  stageNameCasing,
} from './letter-case.ts';
import { copyIgnoredFile, workdirRelativePath } from './path-rules.ts';
import {
  duplicateStageName,
  fromPlatformFlagConstDisallowed,
  invalidDefaultArgInFrom,
  multipleInstructionsDisallowed,
  redundantTargetPlatform,
  reservedStageName,
} from './stage-rules.ts';
import { undefinedArgInFrom, undefinedVar } from './variable-rules.ts';
import type { Rule } from './finding.ts';

/** Every rule, under the names that the field knows. Each has a page in `docs/build-checks`. */
export const rules: readonly Rule[] = [
  consistentInstructionCasing,
  copyIgnoredFile,
  duplicateStageName,
  exposeInvalidFormat,
  exposeProtoCasing,
  fromAsCasing,
  fromPlatformFlagConstDisallowed,
  invalidDefaultArgInFrom,
  invalidDefinitionDescription,
  jsonArgsRecommended,
  legacyKeyValueFormat,
  maintainerDeprecated,
  multipleInstructionsDisallowed,
  noEmptyContinuation,
  redundantTargetPlatform,
  reservedStageName,
  secretsUsedInArgOrEnv,
  stageNameCasing,
  undefinedArgInFrom,
  undefinedVar,
  workdirRelativePath,
];

/** `JSONArgsRecommended` is `json-args-recommended`. */
export const pageName = (rule: string): string =>
  rule.replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3-$2$4').toLowerCase();
