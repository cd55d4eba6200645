import type { Engine } from '../../../../engine/host/engine.ts';
import type { FsckJson } from '../../../../foundation/wire/silo/fsck.ts';
import { ok, type Route } from '../../call.ts';
import { queryFlag } from '../../input/query.ts';

/** Ours: what records and disk do not agree on, repaired on demand. */
export function checkDisk(engine: { disk: Pick<Engine['disk'], 'check'> }): Route {
  return {
    method: 'POST',
    path: '/silo/fsck',
    async handle({ query, exchange }) {
      const findings = await engine.disk.check({
        repair: queryFlag(query, 'repair'),
        rehash: queryFlag(query, 'images'),
        signal: exchange.signal,
      });
      return ok({
        Findings: findings.map(({ kind, subject, message, repairable, repaired }) => ({
          Kind: kind,
          Subject: subject,
          Message: message,
          Repairable: repairable,
          Repaired: repaired,
        })),
      } satisfies FsckJson);
    },
  };
}
