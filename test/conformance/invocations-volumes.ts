import type { Scenario } from './scenario.ts';

/** Where each engine keeps its volumes. */
const place = [/\/[\w./-]*(?=\/volumes\/)/g];

/** Volumes and mounts beyond the everyday ones: options of the local driver, parts of volumes, propagation, what is refused. */
export const volumeScenarios: Scenario[] = [
  {
    name: 'options of the local driver are checked when a volume is made',
    steps: [
      'volume create -o type=tmpfs bad1',
      'volume create -o device=tmpfs bad2',
      'volume create -o bogus=1 bad3',
      'volume create -o type=cifs -o device=//host:445/share bad4',
      'volume create -o size=10m bad5',
      'volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,mode=700 memory',
      'volume create memory',
      'volume create -o type=tmpfs -o device=tmpfs -o o=size=2m memory',
      { docker: 'volume inspect memory', json: true, hide: [/(?<="Mountpoint": ")[^"]*/] },
      `run --rm -v memory:/v busybox sh -c 'df -k /v | tail -1 | tr -s " " | cut -d" " -f1,2; stat -c %a /v'`,
      'volume rm memory',
    ],
  },
  {
    name: 'volumes that are folders of the host, or cannot be mounted',
    steps: [
      'volume create -o type=none -o o=bind -o device={dir}/shared bound',
      'run --rm -v bound:/v busybox cat /v/file',
      'volume rm bound',
      'volume create -o type=none -o o=bind -o device={dir}/missing lost',
      { docker: 'run --rm -v lost:/v busybox true', hide: place },
      'volume create -o type=nosuchfs -o device=x strange',
      { docker: 'run --rm -v strange:/v busybox true', hide: place },
      'volume ls -q',
      'volume rm lost strange',
    ],
  },
  {
    name: 'a part of a volume is mounted, and must be there',
    steps: [
      `run --rm -v data:/x busybox sh -c 'mkdir -p /x/a/b; echo deep > /x/a/b/file'`,
      'run --rm --mount type=volume,src=data,dst=/y,volume-subpath=a/b busybox cat /y/file',
      'run --rm --mount type=volume,src=data,dst=/y,volume-subpath=a/b/file busybox cat /y',
      'run --rm --mount type=volume,src=data,dst=/y,volume-subpath=../x busybox true',
      'run --rm --mount type=volume,src=data,dst=/y,volume-subpath=/a busybox true',
      'run --rm --mount type=volume,dst=/y,volume-subpath=a busybox true',
      {
        docker: 'run --rm --mount type=volume,src=data,dst=/y,volume-subpath=missing busybox true',
        hide: place,
      },
    ],
  },
  {
    name: 'modes of binds and mounts',
    steps: [
      'run --rm -v {dir}/shared:/s:ro,rw busybox true',
      'run --rm -v {dir}/shared:/s:bogus busybox true',
      'run --rm -v data:/s:rslave busybox true',
      'run --rm -v data:/s:ro,consistent busybox touch /s/x',
      'run --rm -v {dir}/shared:/s:cached,z busybox cat /s/file',
      'run --rm -v /s:rw busybox true',
      'run --rm -v data:s busybox true',
      'run --rm -v data:/ busybox true',
      'run --rm --mount type=bind,src={dir}/shared,dst=/s,bind-propagation=bogus busybox true',
      'run --rm --mount type=bind,src={dir}/shared,dst=/s,readonly,bind-recursive=writable busybox touch /s/x',
      'run --rm --mount type=bind,src={dir}/shared,dst=/s,bind-recursive=readonly busybox true',
      'run --rm --mount type=bind,src={dir}/shared,dst=/s,volume-nocopy busybox true',
      'run --rm --mount type=volume,dst=/s,readonly busybox true',
      'run --rm --mount type=tmpfs,src=x,dst=/s busybox true',
      'run --rm --mount type=tmpfs,dst=/ busybox true',
      'run --rm --mount type=bind,src={dir}/shared,dst=/s -v data:/s busybox true',
      'run --rm --tmpfs /s -v data:/s busybox true',
    ],
  },
  {
    name: 'volumes in use and volumes that go with their container',
    steps: [
      'create --name user -v kept:/k -v /anonymous busybox true',
      { docker: 'volume rm kept', hide: [/[0-9a-f]{64}/g] },
      { docker: 'volume rm -f kept', hide: [/[0-9a-f]{64}/g] },
      'volume ls -q --filter dangling=true',
      'rm -v user',
      'volume ls -q',
      'volume ls -q --filter driver=local',
      'volume ls -q --filter driver=other',
      'volume ls --filter name=ke --format {{.Name}}:{{.Driver}}:{{.Scope}}',
      'volume update kept',
      'volume rm kept nosuch',
    ],
  },
];
