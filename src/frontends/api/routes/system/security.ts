import type { Engine } from '../../../../engine/host/engine.ts';
import type { ReachJson, SecurityReportJson } from '../../../../foundation/wire/silo/security.ts';
import { ok, type Route } from '../../call.ts';

/** Ours: the engine, its host and the containers that run, judged. */
export function auditSecurity(engine: { audit: Pick<Engine['audit'], 'report'> }): Route {
  return {
    method: 'GET',
    path: '/silo/security',
    async handle() {
      const { passed, counted, findings } = await engine.audit.report();
      return ok({
        Passed: passed,
        Counted: counted,
        Findings: findings.map(({ id, title, status, containers, why, fix }) => ({
          Id: id,
          Title: title,
          Status: status,
          Containers: containers,
          Why: why,
          Fix: fix,
        })),
      } satisfies SecurityReportJson);
    },
  };
}

/** Ours: what one container can reach. */
export function showReach(engine: { audit: Pick<Engine['audit'], 'reachOf'> }): Route {
  return {
    method: 'GET',
    path: '/silo/containers/{id}/security',
    async handle(call) {
      const { container, preset, running, areas, escape } = await engine.audit.reachOf(call.param('id'));
      return ok({
        Container: container,
        Preset: preset,
        Running: running,
        Areas: areas.map(({ area, level, words }) => ({ Area: area, Level: level, Words: words })),
        Escape: escape,
      } satisfies ReachJson);
    },
  };
}
