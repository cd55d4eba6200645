import { invalid } from '../../foundation/base/errors.ts';

/** Versions of the Docker Engine API that are served, as minor numbers of 1.x. */
const newestMinor = 51;
const oldestMinor = 24;
export const newestVersion = `1.${newestMinor}`;
export const oldestVersion = `1.${oldestMinor}`;

/** The first version that changed a shape which old clients depend on; the API's version history of v1.51 is the source. */
export const since = {
  /** Security options of `info` are `name=…,key=value`, not names alone. */
  keyedSecurityOptions: 25,
  /** `ExecutionDriver` is gone. */
  noExecutionDriver: 25,
  /** Members of networks are shown by inspect only. */
  noMembersInList: 28,
  /** `IpcMode` is private unless asked otherwise. */
  privateIpc: 40,
  /** The pattern of the list of images is a filter. */
  noFilterParameter: 41,
  /** A websocket carries output in binary frames, not in text ones. */
  binaryWebSocket: 28,
  /** Attaching by websocket asks for single streams. */
  websocketStreams: 42,
  /** `KernelMemory` and `KernelMemoryTCP` are no longer part of a request. */
  noKernelMemory: 42,
  /** The multiplexed stream says so in its content type. */
  multiplexedType: 42,
  /** Pruning volumes spares named ones. */
  anonymousVolumePrune: 42,
  /** A dangling image has empty lists instead of `<none>:<none>`. */
  emptyRepoTags: 43,
  /** `VirtualSize` is gone. */
  noVirtualSize: 44,
  /** Addresses of endpoints are asked for by `EndpointSettings.MacAddress`. */
  endpointMacAddress: 44,
  /** `ImageInspect.Container` and `ContainerConfig` are gone. */
  noImageContainer: 45,
  /** `Commit.Expected` is gone. */
  noExpectedCommit: 49,
  /** The configuration of an image has no fields of containers. */
  noContainerFields: 50,
  /** Lists of images tell the manifests below them. */
  listedManifests: 47,
  /** Images have descriptors, and inspect tells manifests. */
  imageDescriptors: 48,
  noKernelMemoryTcp: 46,
  /** Networks say whether they have IPv4. */
  enableIpv4: 48,
  firewallBackend: 49,
  /** `BridgeNfIptables` and its twin are gone. */
  noBridgeNf: 50,
} as const;

/** Splits `/v1.41/info` into path and minor number. A path without version means the newest. Docker's texts when out of range. */
export function splitVersion(path: string): { path: string; minor: number } {
  const match = /^\/v([0-9.]+)(\/.*)$/s.exec(path);
  if (!match) return { path, minor: newestMinor };
  const [, text = '', rest = ''] = match;
  const parts = /^(\d{1,4})(?:\.(\d{1,4}))?$/.exec(text);
  if (!parts) throw invalid(`invalid API version: "${text}"`, { code: 'bad-version' });
  const major = Number(parts[1]);
  const minor = Number(parts[2] ?? 0);
  if (major > 1 || (major === 1 && minor > newestMinor))
    throw invalid(`client version ${text} is too new. Maximum supported API version is ${newestVersion}`, {
      code: 'client-too-new',
      hint: `set DOCKER_API_VERSION=${newestVersion}`,
    });
  if (major < 1 || minor < oldestMinor)
    throw invalid(
      `client version ${text} is too old. Minimum supported API version is ${oldestVersion}, please upgrade your client to a newer version`,
      { code: 'client-too-old' },
    );
  return { path: rest, minor };
}
