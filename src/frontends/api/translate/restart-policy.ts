import { invalid } from '../../../foundation/base/errors.ts';
import type { RestartPolicyJson } from '../../../foundation/wire/docker/container-config.ts';
import type { ContainerConfig } from '../../../engine/container/config.ts';

const names = ['', 'no', 'always', 'unless-stopped', 'on-failure'] as const;

/** Checks a policy with Docker's texts. */
export function toRestartPolicy(json: RestartPolicyJson | null | undefined): ContainerConfig['restart'] {
  const { Name = '', MaximumRetryCount = 0 } = json ?? {};
  const name = names.find((known) => known === Name);
  if (name === undefined)
    throw wrong(
      `unknown policy '${Name.slice(0, 80)}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  if (name !== 'on-failure' && MaximumRetryCount !== 0)
    throw wrong(`maximum retry count can only be used with 'on-failure'`);
  if (MaximumRetryCount < 0) throw wrong('maximum retry count cannot be negative');
  return { name, maximumRetryCount: MaximumRetryCount };
}

function wrong(why: string): Error {
  return invalid(`invalid restart policy: ${why}`, { code: 'bad-restart-policy' });
}
