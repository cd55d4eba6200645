/** A difference that stays. `at` names cases by their whole words, `what` the difference itself when only one of several is meant. */
interface Known {
  reason: string;
  at?: RegExp | string[];
  what?: RegExp;
}

const known: Known[] = [
  { reason: 'the default runtime is crun', what: /^\.HostConfig\.Runtime is "crun"/ },
  {
    reason: 'a field of a later version of the API, which older clients do not look at',
    what: /\.GwPriority is 0, want nothing|^has .*\.(GwPriority|EnableIPv4|Manifests|Descriptor|ImageManifestDescriptor\.\w+|DNSNames\[\]):/,
  },
  {
    reason: 'relics that newer versions of Docker no longer answer',
    what: /^lacks .*\.(AllowNondistributable\w+|Data\.\*|status\.org\.opencontainers\.runtime-spec\.features):/,
  },
  {
    reason: 'fields of statistics of images and containers are measured, not zero',
    what: /^has .*\.(SizeRw|SizeRootFs):/,
  },
  {
    reason: 'a container tells whose ids it has',
    what: /^has \.UserNamespace\.(Own|Reason):/,
  },
  {
    reason: 'one more path is masked, as later versions of Docker do',
    what: /^\.HostConfig\.MaskedPaths is .*\/proc\/interrupts/,
  },
  {
    reason: 'the words of Go’s parsers are not repeated',
    at: ['two values', 'a wild type', 'a profile that is no JSON', 'a profile that is a file'],
    what: /message|says/,
  },
  {
    reason: 'platforms are told in words that name an example',
    at: ['a platform that is none', 'a platform of letters', 'a pull for a bad platform'],
    what: /^message/,
  },
  { reason: 'a push without X-Registry-Auth is one without credentials', at: ['push of nosuch'] },
  { reason: 'an archive of nothing is refused', at: ['no archive'] },
  {
    reason: 'a request that can only fail later, or means nothing, is refused at once',
    at: [
      'a bad log option',
      'a health check of no kind',
      'an empty image',
      'a hostname with a space',
      'a hostname with a line break',
      'a hostname of 65 letters',
      'a working directory with a zero byte',
      'a variable with a zero byte',
      'a command with a zero byte',
      'a path with a zero byte',
      'a port of letters',
      'port 65536',
      'port 0',
      'a port of another protocol',
      'an empty port',
      'ports from high to low',
      'a published port of another protocol',
      'a volume that is not absolute',
      'a volume at the root',
      'negative shares',
      'an unknown limit',
      'a limit without a name',
      'a soft limit above the hard one',
      'a device with unknown rights',
      'a console that is too high',
      'an unknown user namespace',
      'memory with an unknown option',
      'the network of a container that is not there',
      'a name server of letters',
      'an address of letters',
      'a negative size',
      'size 70000',
      'tag with no name',
      'a network with a slash',
      'a network with a blank',
      'connection to nosuch',
      'disconnection from nosuch',
      'a stop signal that is unknown',
      'stop signal 0',
      'stop signal 65',
    ],
  },
  {
    reason: 'a user name with a line break is called that',
    at: ['a user with a line break'],
    what: /says/,
  },
  {
    reason: 'the kernel where the facts were recorded has no weights',
    at: ['weight 1', 'weight 1001', 'a weight of a device that is not there', 'weights'],
  },
  { reason: 'crun tells a missing file otherwise than runc', at: ['a sysctl that climbs'] },
  {
    reason: 'a hardware address for somebody else’s network was refused until 25, and is again nonsense',
    at: ['a hardware address and the network of another'],
  },
  {
    reason: 'other words for the same',
    at: [
      'GET /json of a%0Ab',
      'tag with a digest',
      'a pull of no name',
      'auth without a body',
      'processes with a bad word',
      'a network with an unknown option',
      'disconnection of one that is not there',
    ],
    what: /^message/,
  },
  { reason: 'port ranges are kept as their ports, and every port with its protocol', at: ['ports'] },
  { reason: 'no network is the network mode none', at: ['no network'] },
  {
    reason: 'a hint for other systems than Linux is not kept',
    at: ['mounts', 'the rest'],
    what: /Consistency|Isolation/,
  },
  { reason: 'the propagation of the host’s folder is asked when it is mounted', at: ['binds'] },
  { reason: 'the mode of a volume is shown as where it was asked for', at: ['volumes of another'] },
  {
    reason: 'what the CLI makes of this option is made here for every client',
    at: ['paths for all'],
  },
  {
    reason: 'a network without settings is one with none asked for',
    at: ['a network by endpoint alone'],
  },
  {
    reason: 'a registry that does not answer is not a failure of the engine',
    at: ['auth with a bad address'],
  },
  { reason: 'options of logs that are applied otherwise are told', at: ['a policy'], what: /^warnings/ },
  { reason: 'a pattern that cannot be read is an error', at: /\{"name":\["\["\]\}$/ },
  {
    reason: 'a network with a running container is in use, wherever it is asked',
    at: /^\/networks \{"dangling":\["(true|false)"\]\}$/,
  },
];

export function reasonFor(at: string, what: string): string | undefined {
  const isAt = (place: Known['at']): boolean =>
    place === undefined || (Array.isArray(place) ? place.includes(at) : place.test(at));
  return known.find((each) => isAt(each.at) && (each.what?.test(what) ?? true))?.reason;
}
