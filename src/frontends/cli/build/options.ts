import type { OptionTable, OptionValues } from '../command.ts';
import { parseExtraHost } from '../parse/network.ts';
import { parseUlimit } from '../parse/ulimit.ts';

const oneOf =
  (...words: string[]) =>
  (value: string): void => {
    if (!words.includes(value))
      throw new Error(`must be one of ${words.map((word) => `"${word}"`).join(', ')}`);
  };

const progressModes = ['auto', 'plain', 'tty', 'json', 'quiet'] as const;
export type ProgressMode = (typeof progressModes)[number];
const calls = ['build', 'check', 'outline', 'targets'] as const;

/** Of `silo build`. What each means is read in `query.ts`, `contexts.ts`, `secrets.ts` and `destinations.ts`. */
export const buildOptions = {
  'add-host': {
    kind: 'list',
    summary: 'Add a custom host-to-IP mapping (format: "host:ip")',
    check: (text) => void parseExtraHost(text),
  },
  allow: {
    kind: 'list',
    summary: 'Allow extra privileged entitlement (e.g., "network.host", "security.insecure")',
  },
  annotation: { kind: 'list', summary: 'Add annotation to the image' },
  attest: { kind: 'list', summary: 'Attestation parameters (format: "type=sbom,generator=image")' },
  'build-arg': { kind: 'list', summary: 'Set build-time variables' },
  'build-context': {
    kind: 'list',
    summary: 'Additional build contexts (e.g., name=path)',
    completion: 'files',
  },
  'cache-from': {
    kind: 'list',
    summary: 'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")',
  },
  'cache-to': {
    kind: 'list',
    summary: 'Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")',
  },
  call: {
    kind: 'string',
    default: 'build',
    summary: 'Set method for evaluating build ("build", "check", "outline", "targets")',
    completion: calls,
    check: oneOf(...calls),
  },
  'cgroup-parent': { kind: 'string', summary: 'Set the parent cgroup for the RUN instructions' },
  check: { kind: 'bool', summary: 'Check the Dockerfile, build nothing' },
  compress: { kind: 'bool', summary: 'Without effect: the context is not compressed', hidden: true },
  'cpu-period': { kind: 'int', summary: 'Limit the CPU CFS (Completely Fair Scheduler) period' },
  'cpu-quota': { kind: 'int', summary: 'Limit the CPU CFS (Completely Fair Scheduler) quota' },
  'cpu-shares': { kind: 'int', short: 'c', summary: 'CPU shares (relative weight)' },
  'cpuset-cpus': { kind: 'string', summary: 'CPUs in which to allow execution (0-3, 0,1)' },
  'cpuset-mems': { kind: 'string', summary: 'MEMs in which to allow execution (0-3, 0,1)' },
  file: {
    kind: 'string',
    short: 'f',
    summary: 'Name of the Dockerfile (default "PATH/Dockerfile")',
    completion: 'files',
  },
  'disable-content-trust': { kind: 'bool', default: true, summary: 'Skip image verification', hidden: true },
  'force-rm': { kind: 'bool', summary: 'Without effect: containers are always removed', hidden: true },
  format: {
    kind: 'string',
    default: 'text',
    summary: 'Format of the findings ("text", "json")',
    completion: ['text', 'json'],
    check: oneOf('text', 'json'),
  },
  iidfile: { kind: 'string', summary: 'Write the image ID to the file', completion: 'files' },
  isolation: { kind: 'string', summary: 'Container isolation technology', hidden: true },
  label: { kind: 'list', summary: 'Set metadata for an image' },
  load: {
    kind: 'bool',
    summary: 'Shorthand for "--output=type=docker": the image goes to the store, as by default',
  },
  memory: { kind: 'bytes', short: 'm', summary: 'Memory limit' },
  'memory-swap': {
    kind: 'bytes',
    summary: 'Swap limit equal to memory plus swap: -1 to enable unlimited swap',
  },
  'metadata-file': { kind: 'string', summary: 'Write build result metadata to a file', completion: 'files' },
  network: {
    kind: 'string',
    default: 'default',
    summary: 'Set the networking mode for the RUN instructions during build',
    completion: 'networks',
  },
  'no-cache': { kind: 'bool', summary: 'Do not use cache when building the image' },
  'no-cache-filter': { kind: 'strings', summary: 'Do not cache specified stages' },
  output: {
    kind: 'list',
    short: 'o',
    summary: 'Output destination (format: "type=local,dest=path")',
  },
  platform: { kind: 'strings', summary: 'Set target platform for build' },
  progress: {
    kind: 'string',
    default: 'auto',
    summary: 'Set type of progress output ("auto", "plain", "tty", "json", "quiet")',
    completion: progressModes,
    check: oneOf(...progressModes),
  },
  provenance: { kind: 'string', summary: 'Shorthand for "--attest=type=provenance"' },
  pull: { kind: 'bool', summary: 'Always attempt to pull all referenced images' },
  push: { kind: 'bool', summary: 'Shorthand for "--output=type=registry"; the image stays here, too' },
  quiet: { kind: 'bool', short: 'q', summary: 'Suppress the build output and print image ID on success' },
  rm: { kind: 'bool', default: true, summary: 'Without effect: containers are always removed', hidden: true },
  sbom: { kind: 'string', summary: 'Shorthand for "--attest=type=sbom"' },
  secret: {
    kind: 'list',
    summary: 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret|,env=VARIABLE]")',
  },
  'security-opt': { kind: 'list', summary: 'Security options' },
  'shm-size': { kind: 'bytes', summary: 'Shared memory size for build containers' },
  squash: { kind: 'bool', summary: 'Squash newly built layers into a single new layer' },
  ssh: {
    kind: 'list',
    summary: 'SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>]")',
  },
  'step-timeout': {
    kind: 'duration',
    summary: 'End RUN instructions that take longer (e.g., "10m"; 0: no limit)',
  },
  tag: { kind: 'list', short: 't', summary: 'Name and optionally a tag (format: "name:tag")' },
  target: { kind: 'string', summary: 'Set the target build stage to build' },
  ulimit: { kind: 'ulimit', summary: 'Ulimit options', check: (text) => void parseUlimit(text) },
} as const satisfies OptionTable;

export type BuildOptionValues = OptionValues<typeof buildOptions>;
