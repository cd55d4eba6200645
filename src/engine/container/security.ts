import { invalid } from '../../foundation/base/errors.ts';
import type { SecurityInput } from '../../resources/spec/spec.ts';
import type { SecurityRequest } from './config.ts';

/** `--security-opt` words and capabilities, settled; Docker's texts when wrong. */
export function resolveSecurity(request: SecurityRequest): SecurityInput {
  let input: SecurityInput = {
    privileged: request.privileged,
    capabilitiesAdd: request.capAdd,
    capabilitiesDrop: request.capDrop,
    noNewPrivileges: false,
    seccomp: 'default',
    ...(request.maskedPaths ? { maskedPaths: request.maskedPaths } : {}),
    ...(request.readonlyPaths ? { readonlyPaths: request.readonlyPaths } : {}),
  };
  for (const option of request.options) input = withOption(input, option);
  return input;
}

function withOption(input: SecurityInput, option: string): SecurityInput {
  const [, key = option, value = ''] = /^([^=:]+)[=:]([\s\S]*)$/.exec(option) ?? [];
  switch (key) {
    case 'no-new-privileges':
      if (value !== '' && value !== 'true' && value !== 'false')
        throw invalid(`invalid --security-opt 2: "${option}"`, { code: 'invalid-security-opt' });
      return { ...input, noNewPrivileges: value !== 'false' };
    case 'seccomp':
      if (value === 'unconfined') return { ...input, seccomp: 'unconfined' };
      return value === 'builtin' || value === '' ? input : { ...input, seccomp: { profile: value } };
    case 'apparmor':
      return value === 'unconfined' ? input : { ...input, apparmorProfile: value };
    case 'systempaths':
      if (value === 'unconfined') return { ...input, maskedPaths: [], readonlyPaths: [] };
      break;
    // Without SELinux on the host labels mean nothing, as in Docker.
    case 'label':
      return input;
  }
  throw invalid(`invalid --security-opt ${key === option ? 1 : 2}: "${option}"`, {
    code: 'invalid-security-opt',
    hint: 'known are no-new-privileges, seccomp=, apparmor=, label=, systempaths=unconfined',
  });
}
