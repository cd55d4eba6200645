import type { DeviceRequest } from '../../../engine/container/config.ts';
import type { DeviceRequestJson } from '../../../foundation/wire/docker/container-config.ts';
import { defined } from './refuse.ts';

export function toDeviceRequest(json: DeviceRequestJson): DeviceRequest {
  return defined<DeviceRequest>({
    driver: json.Driver ?? '',
    count: json.Count ?? 0,
    ids: json.DeviceIDs ?? [],
    capabilities: json.Capabilities ?? undefined,
    options: json.Options ?? undefined,
  });
}

export function fromDeviceRequest(request: DeviceRequest): DeviceRequestJson {
  return {
    Driver: request.driver,
    Count: request.count,
    DeviceIDs: request.ids.length === 0 ? null : request.ids,
    Capabilities: request.capabilities ?? null,
    Options: request.options ?? null,
  };
}
