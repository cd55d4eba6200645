import type { Engine } from '../../../../engine/host/engine.ts';
import type {
  ContainerUpdateBody,
  ContainerUpdateResponse,
} from '../../../../foundation/wire/docker/container.ts';
import { ok, type Route } from '../../call.ts';
import { containerUpdateBody } from '../../input/container-bodies.ts';
import { readJson } from '../../input/json-body.ts';
import { toPorts } from '../../translate/network-request.ts';
import { refuseUnless } from '../../translate/refuse.ts';
import { toResources } from '../../translate/resources.ts';
import { toRestartPolicy } from '../../translate/restart-policy.ts';

type Changes = Parameters<Engine['containers']['update']>[1];

export function updateContainer(engine: {
  containers: Pick<Engine['containers'], 'update'>;
  host: Pick<Engine['host'], 'cpus' | 'cpuList' | 'memoryNodes'>;
}): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/update',
    async handle(call) {
      const body = await readJson(call, containerUpdateBody);
      refuseUnless(!body.Devices?.length, 'changing Devices');
      refuseUnless(!body.DeviceCgroupRules?.length, 'changing DeviceCgroupRules');
      refuseUnless(!body.CgroupParent, 'changing CgroupParent');
      refuseUnless(
        !body.DeviceRequests?.length,
        'DeviceRequests',
        'devices are chosen when a container is created',
      );
      const resources = {
        ...toResources(body, engine.host, { isUpdate: true }),
        // Both 0 and -1 take the limit away.
        ...(typeof body.PidsLimit === 'number' ? { pidsLimit: Math.max(body.PidsLimit, 0) } : {}),
      };
      // Only what has a value is changed.
      const changes: Changes = {
        ...(Object.keys(resources).length > 0 ? { resources } : {}),
        ...(isPublishing(body)
          ? { publish: { add: toPorts(body.PublishAdd ?? {}), remove: toPorts(body.PublishRemove ?? {}) } }
          : {}),
        ...(body.RestartPolicy?.Name ? { restart: toRestartPolicy(body.RestartPolicy) } : {}),
      };
      const { warnings } = await engine.containers.update(call.param('id'), changes);
      return ok({ Warnings: warnings.length === 0 ? null : warnings } satisfies ContainerUpdateResponse);
    },
  };
}

function isPublishing({ PublishAdd: add, PublishRemove: remove }: ContainerUpdateBody): boolean {
  return Object.keys(add ?? {}).length + Object.keys(remove ?? {}).length > 0;
}
