import { findInit } from '../host-facts.ts';
import type { Findings } from './finding.ts';

export function checkInit(): Findings {
  const path = findInit();
  return path === ''
    ? [
        {
          status: 'note',
          title: 'No static init is installed',
          why: '`--init` gives a container a small process 1 that passes signals on and reaps the dead; it must need no library of the image.',
          fix: ['apt-get install --no-install-recommends tini'],
        },
      ]
    : [{ status: 'ok', title: `${path} serves --init`, why: 'It is static, so it runs in every image.' }];
}
