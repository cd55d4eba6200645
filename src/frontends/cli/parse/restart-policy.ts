import { invalid } from '../../../foundation/base/errors.ts';
import type { RestartPolicyJson } from '../../../foundation/wire/docker/container-config.ts';

/** Reads `--restart`: `no`, `always`, `unless-stopped`, `on-failure[:times]`. The daemon judges the name. */
export function parseRestartPolicy(text: string): RestartPolicyJson {
  if (text === '') return { Name: 'no', MaximumRetryCount: 0 };
  const [name = '', count, ...rest] = text.split(':');
  if (name === '') throw invalid('invalid restart policy format: no policy provided before colon');
  if (count === undefined) return { Name: name, MaximumRetryCount: 0 };
  if (rest.length > 0 || !/^-?\d+$/.test(count))
    throw invalid('invalid restart policy format: maximum retry count must be an integer', {
      hint: 'for example --restart on-failure:3',
    });
  return { Name: name, MaximumRetryCount: Number(count) };
}
