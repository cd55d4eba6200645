/** A place where Silo's answer is another than Docker's, on purpose or for now. */
export interface KnownDifference {
  reason: string;
  /** Calls where it shows, as `scenario > words`. It must show at each. */
  at: RegExp;
  /** Docker's exit code and ours. */
  code?: Record<number, number>;
  /** What stands in Docker's answer, and what stands in ours instead. */
  stdout?: Replacement[];
  stderr?: Replacement[];
}

type Replacement = [from: string | RegExp, to: string];

const all = /^[\s\S]*$/;
const wholly = (text: string): Replacement[] => [[all, text === '' ? '' : `${text}\n`]];
export const knownDifferences: KnownDifference[] = [
  {
    reason: 'the default runtime is crun',
    at: /> (run .*(busybox|--entrypoint) \/?nosuch( arg| app:1)?|run --rm busybox \/etc(\/passwd)?|start (-a )?broken)$/,
    stderr: [['runc create failed', 'crun create failed']],
  },
  {
    reason: 'the default runtime is crun',
    at: /> inspect kept /,
    stdout: [['runc create failed', 'crun create failed']],
  },
  {
    reason: 'the default runtime is crun',
    at: /> inspect (full --format '{{json .HostConfig}}'|plain)$/,
    stdout: [['"Runtime": "runc"', '"Runtime": "crun"']],
  },
  {
    reason: 'crun has words of its own for a mount that fails',
    at: /> run --rm --tmpfs \/t:(size=abc|mode=9) busybox true$/,
    stderr: [
      [
        /runc create failed.*$/m,
        'crun create failed: unable to start container process: mount `tmpfs` to `t`: invalid argument: unknown',
      ],
    ],
  },
  {
    reason: 'crun has no words of its own for a folder that is to be run',
    at: /> run --rm busybox \/etc$/,
    stderr: [['"/etc": is a directory: unknown: permission denied', '"/etc": permission denied: unknown']],
  },
  {
    reason: 'crun looks for the folder where runc looks at its name',
    at: /> exec -w relative host pwd$/,
    stdout: [
      [
        'Cwd must be an absolute path',
        'unable to start container process: chdir to cwd ("relative") set in config.json failed: no such file or directory',
      ],
    ],
  },
  {
    reason: 'crun makes /dev/core, a link to a masked file',
    at: /> run --rm busybox sh -c 'ls \/dev /,
    stdout: [[/^/, 'core ']],
  },
  {
    reason: 'what is impossible is refused, whatever this kernel can do',
    at: /> run --rm --blkio-weight 5 /,
    code: { 0: 125 },
    stderr: wholly(
      `docker: Error response from daemon: Range of blkio weight is from 10 to 1000\n\nRun 'docker run --help' for more information`,
    ),
  },
  {
    reason: 'the error names the request that failed; there is no ping before it',
    at: /> (run --rm|pull) 127\.0\.0\.1:1\/missing( true)?$/,
    stderr: [['/v2/"', '/v2/missing/manifests/latest"']],
  },
  {
    reason: 'descendants of an image are found by their layers, not by a record of who built them here',
    at: /> ps -a --filter ancestor=busybox /,
    stdout: [['third\n', 'third\nsecond\n']],
  },
  {
    reason: 'the process list comes from /proc, and knows the usual options of ps only',
    at: /> top busy bogus$/,
    stderr: [['ps: error: unsupported option (BSD syntax)', 'ps options "bogus" are not supported']],
  },
  {
    reason: 'a filter that is not known is refused here as everywhere else, rather than ignored',
    at: /> events .*--filter bogus=1/,
    code: { 0: 1 },
    stdout: wholly(''),
    stderr: wholly(`Error response from daemon: invalid filter 'bogus'`),
  },
  {
    reason: 'the host has a name in containers',
    at: /> run --rm -h here --link db:store /,
    stdout: [['localhost\n', 'localhost\n<ip> host.docker.internal host.containers.internal\n']],
  },
  {
    reason: 'a process beside the first one runs, whatever became of links',
    at: /> exec web sh -c 'env \| grep \^STORE'$/,
    stderr: wholly(''),
  },
  {
    reason: 'a link is a name inside the container only, not one for the engine',
    at: /> ps --no-trunc --filter name=db /,
    stdout: [['db,web/db,web/store', 'db']],
  },
  {
    reason: 'a link is a name inside the container only, not one for the engine',
    at: /> inspect web\/store --format {{.Name}}$/,
    code: { 0: 1 },
    stdout: [['/db', '']],
    stderr: wholly('Error: No such object: web/store'),
  },
  {
    reason: 'one more path is masked, as by Docker since version 28',
    at: /> inspect (full --format '{{json .HostConfig}}'|plain)$/,
    stdout: [[/^( +)"\/proc\/kcore",$/m, '$1"/proc/interrupts",\n$&']],
  },
  {
    reason: 'layers are those of an overlay snapshotter of our own, without folders to show',
    at: /> (inspect full --format '{{.Path}}|inspect plain$|info --format '{{.OSType}}|image inspect app:1$)/,
    stdout: [
      [/"Data": \{[^}]*\}/, '"Data": null'],
      [/"Name": (<hidden>|"overlay2")/, '"Name": "overlayfs"'],
      [/\boverlay2\b/, 'overlayfs'],
    ],
  },
  {
    reason: 'every network has IPv6; a field of a later API version is there always',
    at: /> inspect plain$/,
    stdout: [
      [/"GlobalIPv6Address": ""/g, '"GlobalIPv6Address": "<ip6>"'],
      [/"GlobalIPv6PrefixLen": 0/g, '"GlobalIPv6PrefixLen": 64'],
      [/"IPv6Gateway": ""/g, '"IPv6Gateway": "<ip6>"'],
      [/^( +)"IPAMConfig": /m, '$1"GwPriority": 0,\n$&'],
    ],
  },
  {
    reason: 'every network has IPv6 unless it is told otherwise',
    at: /> network ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.IPv6}}'$/,
    stdout: [[/^((bridge|one|two) .*) false$/gm, '$1 true']],
  },
  {
    reason: 'every network has IPv6 unless it is told otherwise',
    at: /> network inspect --format '{{json .IPAM.Config}} .* asked$/,
    stdout: [['}}] false', '}},{"Subnet":"<ip6>/64","Gateway":"<ip6>"}] true']],
  },
  {
    reason: 'every network has IPv6 unless it is told otherwise',
    at: /> network inspect plain --format '{{.Scope}}/,
    stdout: [['{"Subnet":"<ip>"}]', '{"Subnet":"<ip>"},{"Subnet":"<ip6>/64","Gateway":"<ip6>"}]']],
  },
  {
    reason: 'every network has IPv6 unless it is told otherwise',
    at: /> network inspect made$/,
    stdout: [
      ['"EnableIPv6": false', '"EnableIPv6": true'],
      [/^( +)"Subnet": "<ip>"\n +\}/m, '$&,\n$1{\n$1"Gateway": "<ip6>",\n$1"Subnet": "<ip6>/64"\n$1}'],
    ],
  },
  {
    reason: 'a scope that means nothing is refused',
    at: /> network create --scope nosuch scoped$/,
    code: { 0: 1 },
    stdout: wholly(''),
    stderr: wholly('Error response from daemon: invalid scope "nosuch": networks are local'),
  },
  {
    reason: 'a scope that means nothing is refused',
    at: /> network inspect scoped /,
    code: { 0: 1 },
    stdout: [['nosuch', '']],
    stderr: wholly('Error response from daemon: network scoped not found'),
  },
  {
    reason: 'leaving a network is one event, not two',
    at: /> events .*--filter network=none /,
    stdout: [[/^(disconnect.*\n)disconnect.*\n/m, '$1']],
  },
  {
    reason: 'an address that another container has is called taken',
    at: /> start -a two$/,
    stderr: [['no available addresses on this pool', 'Address already in use']],
  },
  {
    reason:
      'a subnet that has no room for a container, or is the whole Internet, is refused with the sizes that go',
    at: /> network create --subnet 198\.19\.5\.(8\/31|16\/32) /,
    code: { 0: 1 },
    stdout: wholly(''),
    stderr: wholly('Error response from daemon: subnet <ip> is too small: want a prefix between /8 and /30'),
  },
  {
    reason:
      'a subnet that has no room for a container, or is the whole Internet, is refused with the sizes that go',
    at: /> network create --subnet 0\.0\.0\.0\/0 /,
    stderr: [
      [
        'Pool overlaps with other one on this address space',
        'subnet 0.0.0.0/0 is too large: want a prefix between /8 and /30',
      ],
    ],
  },
  {
    reason: 'an option that means nothing to the driver is refused rather than ignored',
    at: /> network create -o nosuch=1 unknown$/,
    code: { 0: 1 },
    stdout: wholly(''),
    stderr: wholly(
      'Error response from daemon: network option "nosuch" is not supported by the bridge driver',
    ),
  },
  {
    reason: 'an option that means nothing to the driver is refused rather than ignored',
    at: /> network inspect unknown /,
    code: { 0: 1 },
    stdout: [[/.+/, '']],
    stderr: wholly('Error response from daemon: network unknown not found'),
  },
  {
    reason: 'a network that was refused is not listed',
    at: /^(networks that are too small|what makes no network).*> network ls --filter type=custom --format/,
    stdout: [[/^(a\/b|scoped|slash31|slash32|unknown)\n/gm, '']],
  },
  {
    reason: 'the lists name what this engine has',
    at: /> info --format '{{json .Plugins}}'$/,
    stdout: [
      [',"overlay"', ''],
      [/"Log":.*\]/, '"Log":["journald","json-file","local","none","syslog"]'],
    ],
  },
  {
    reason: 'containers survive the engine, always; the init is the Debian package tini',
    at: /> info --format '{{.SecurityOptions}}/,
    stdout: [['false runc docker-init', 'true crun /usr/bin/tini-static']],
  },
  {
    reason:
      'loopback is insecure on both address families, and lists are never null, as in later versions of Docker',
    at: /> info --format '{{.IndexServerAddress}}/,
    stdout: [
      ['["127.0.0.0/8"]', '["::1/128","127.0.0.0/8"]'],
      ['"Mirrors":null', '"Mirrors":[]'],
    ],
  },
  {
    reason: 'the host has a name in containers; addresses are in their short form; every network has IPv6',
    at: /> run --rm -h named --add-host other/,
    stdout: [
      ['fe00::0 ', 'fe00:: '],
      ['ff00::0 ', 'ff00:: '],
      ['127.0.0.9 other', '<ip> host.docker.internal host.containers.internal\n127.0.0.9 other'],
      [/$/, '<ip6> named\n'],
    ],
  },
  {
    reason: 'names of networks obey the rule for names of containers',
    at: /> network create 'bad name'$/,
    code: { 0: 1 },
    stdout: wholly(''),
    stderr: wholly('Error response from daemon: invalid name: bad name'),
  },
  {
    reason: 'names of networks obey the rule for names of containers',
    at: /> network create 'a\/b'$/,
    code: { 0: 1 },
    stdout: wholly(''),
    stderr: wholly('Error response from daemon: invalid name: a/b'),
  },
  {
    reason: 'a network with such a name was not made',
    at: /^networks are .*> network prune -f$/,
    stdout: wholly(''),
  },
  {
    reason: 'the error says what is wrong with the archive',
    at: /> load$/,
    stderr: [
      [/^unexpected EOF/, 'Error response from daemon: archive at offset 22: archive is truncated'],
      [
        /^open .*/,
        'Error response from daemon: the archive holds no image: it has neither "manifest.json" nor "index.json"',
      ],
    ],
  },
  {
    reason: 'the error says what is wrong with the archive',
    at: /> import - other$/,
    stderr: [['unexpected EOF', 'archive at offset 29: archive is truncated']],
  },
  {
    reason: 'the error says what is wrong with the archive',
    at: /> cp - box:\/tmp$/,
    stderr: [['unexpected EOF', 'archive at offset 22: archive is truncated']],
  },
  {
    reason: 'the error shows the form that is wanted',
    at: /> pull --platform bogus/,
    stderr: [
      [
        '"bogus/bogus/bogus/bogus": cannot parse platform specifier: invalid argument',
        'invalid platform "bogus/bogus/bogus/bogus": want OS[/ARCH[/VARIANT]], for example linux/arm64',
      ],
    ],
  },
  {
    reason: 'an image for another platform is refused before its layers are fetched',
    at: /> pull --platform linux\/s390x /,
    stdout: wholly(''),
    stderr: [
      [
        'image with reference {registry}/app:1',
        'Error response from daemon: image with reference {registry}/app',
      ],
    ],
  },
  {
    reason: 'the error names the request that failed: the first one',
    at: /> pull {locked}\/app:1$/,
    stderr: [['Head "http://{locked}/v2/app/manifests/1"', 'Get "http://{locked}/v2/"']],
  },
];

/** Scenarios of what Silo cannot do yet. They are played and told, and fail the test as soon as nothing differs. */
export interface Pending {
  reason: string;
  scenario: string;
}

export const pending: Pending[] = [];
