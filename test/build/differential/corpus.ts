/** A Dockerfile that Silo and BuildKit build from the same context, and what is changed in that before it is built once more. */
export interface Case {
  name: string;
  dockerfile: string;
  /** Files of the context that have another content the second time. */
  change?: readonly string[];
  args?: Readonly<Record<string, string>>;
  target?: string;
}

/** The context of all of them: content, and the mode where it is not 0644. A text that begins with `->` is a link. */
export const context: Readonly<Record<string, string | { content: string; mode: number }>> = {
  'a.txt': 'a\n',
  'b.txt': 'b\n',
  'run.sh': { content: '#!/bin/sh\necho ran\n', mode: 0o755 },
  private: { content: 'private\n', mode: 0o600 },
  'dir/one': '1\n',
  'dir/two.md': '2\n',
  'dir/sub/three': '3\n',
  'dir/sub/four.md': '4\n',
  'dir/sub/deep/five': '5\n',
  'other/one': 'other 1\n',
  'other/six': '6\n',
  'space name.txt': 'space\n',
  'link.txt': '->a.txt',
  'dir/up': '->../b.txt',
  'ignored/x': 'x\n',
  'ignored/keep': 'keep\n',
  'app/package.json': '{}\n',
  'app/src/index.js': 'index\n',
  'app/src/lib/util.js': 'util\n',
  'app/test/index.js': 'test\n',
};

export const ignoreFile = 'ignored/*\n!ignored/keep\nDockerfile*\n.dockerignore\n';

const from = (...lines: string[]): string => ['FROM busybox', ...lines, ''].join('\n');

export const cases: readonly Case[] = [
  { name: 'run-shell', dockerfile: from('RUN echo hello > /hello && chmod 640 /hello') },
  { name: 'run-exec', dockerfile: from('RUN ["/bin/sh", "-c", "echo exec > /exec"]') },
  { name: 'run-heredoc', dockerfile: from('RUN <<EOF', 'echo one > /one', 'echo two > /two', 'EOF') },
  {
    name: 'run-heredoc-quoted',
    dockerfile: from('ENV X=outer', 'RUN <<"EOF"', 'X=inner', 'echo $X > /x', 'EOF'),
  },
  {
    name: 'run-heredoc-interpreter',
    dockerfile: from('RUN <<EOF', '#!/bin/busybox sh', 'echo $0 | grep -c . > /script', 'EOF'),
  },
  { name: 'run-heredoc-input', dockerfile: from('RUN cat <<EOF > /text', 'some text', 'EOF') },
  { name: 'run-many', dockerfile: from('RUN echo 1 > /1', 'RUN echo 2 > /2', 'RUN cat /1 /2 > /3') },
  {
    name: 'run-removes',
    dockerfile: from('RUN mkdir /d && touch /d/x /d/y', 'RUN rm /d/x && rm -r /bin/vi'),
  },
  {
    name: 'run-replaces-folder',
    dockerfile: from('RUN mkdir -p /d/e && touch /d/e/x', 'RUN rm -r /d && mkdir /d && touch /d/y'),
  },
  {
    name: 'run-folder-to-file',
    dockerfile: from('RUN mkdir /d && touch /d/x', 'RUN rm -r /d && echo file > /d'),
  },
  { name: 'run-hard-link', dockerfile: from('RUN echo x > /x && ln /x /y && ln -s x /z') },
  { name: 'run-owner', dockerfile: from('RUN touch /f && chown 12:34 /f && chmod 4755 /f') },
  { name: 'run-special-modes', dockerfile: from('RUN mkdir -m 1777 /t && mkdir -m 2750 /g') },
  { name: 'run-fifo', dockerfile: from('RUN mkfifo /pipe') },
  { name: 'run-env', dockerfile: from('ENV A=1 B="two words"', 'RUN echo "$A-$B" > /env') },
  {
    name: 'run-arg',
    dockerfile: from('ARG V=default', 'RUN echo $V > /v'),
    args: { V: 'given' },
  },
  {
    name: 'run-shell-word',
    dockerfile: from('SHELL ["/bin/sh", "-ec"]', 'RUN false || true; echo kept > /kept'),
  },
  {
    name: 'run-user',
    dockerfile: from('RUN mkdir -m 777 /w', 'USER 1000:1001', 'RUN touch /w/mine', 'USER 0'),
  },
  { name: 'run-workdir', dockerfile: from('WORKDIR /a/b', 'WORKDIR c', 'RUN pwd > here') },
  { name: 'run-workdir-user', dockerfile: from('USER 7', 'WORKDIR /made/by') },
  {
    name: 'mount-bind',
    dockerfile: from('RUN --mount=type=bind,target=/ctx cat /ctx/a.txt /ctx/dir/one > /read'),
    change: ['b.txt'],
  },
  {
    name: 'mount-bind-source',
    dockerfile: from('RUN --mount=type=bind,source=dir,target=/d find /d | sort > /list'),
    change: ['dir/one'],
  },
  {
    name: 'mount-bind-from',
    dockerfile:
      'FROM busybox AS s\nRUN mkdir /made && echo m > /made/m\nFROM busybox\nRUN --mount=from=s,source=/made,target=/mnt/s cp /mnt/s/m /m\n',
  },
  {
    name: 'mount-bind-writes',
    dockerfile: from('RUN --mount=type=bind,target=/ctx,rw echo new > /ctx/new && ls /ctx/new > /seen'),
  },
  {
    name: 'mount-tmpfs',
    dockerfile: from('RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && ls /scratch > /list'),
  },
  {
    name: 'mount-cache',
    dockerfile: from('RUN --mount=type=cache,target=/cache touch /cache/x && echo ok > /ok'),
  },
  {
    name: 'mount-secret-missing',
    dockerfile: from('RUN --mount=type=secret,id=none ls /run/secrets > /list 2>&1 || echo none > /list'),
  },
  { name: 'network-none', dockerfile: from('RUN --network=none ls /sys/class/net > /net') },
  { name: 'copy-file', dockerfile: from('COPY a.txt /'), change: ['a.txt'] },
  { name: 'copy-rename', dockerfile: from('COPY a.txt /new/name') },
  { name: 'copy-into-folder', dockerfile: from('COPY a.txt b.txt /into/') },
  { name: 'copy-folder', dockerfile: from('COPY dir /dir'), change: ['dir/sub/three'] },
  { name: 'copy-folder-slash', dockerfile: from('COPY dir/ /here/') },
  { name: 'copy-all', dockerfile: from('COPY . /all'), change: ['ignored/x'] },
  { name: 'copy-wildcard', dockerfile: from('COPY *.txt /w/'), change: ['private'] },
  { name: 'copy-wildcard-folders', dockerfile: from('COPY d*r /w/') },
  { name: 'copy-modes', dockerfile: from('COPY run.sh private /m/') },
  { name: 'copy-link', dockerfile: from('COPY link.txt /l') },
  { name: 'copy-link-in-folder', dockerfile: from('COPY dir/up dir/one /l/') },
  { name: 'copy-json', dockerfile: from('COPY ["space name.txt", "/spaces in/"]') },
  { name: 'copy-chown', dockerfile: from('COPY --chown=5:6 dir /owned') },
  {
    name: 'copy-chown-name',
    dockerfile: from('RUN echo "me:x:77:88::/:/bin/sh" >> /etc/passwd', 'COPY --chown=me a.txt /mine'),
  },
  { name: 'copy-chmod', dockerfile: from('COPY --chmod=711 a.txt dir /m/') },
  {
    name: 'copy-chmod-octal',
    dockerfile: from('COPY --chmod=0640 run.sh /m'),
  },
  { name: 'copy-relative', dockerfile: from('WORKDIR /app', 'COPY a.txt ./sub/', 'COPY b.txt .') },
  { name: 'copy-over-folder', dockerfile: from('COPY dir /d', 'COPY other /d') },
  {
    name: 'copy-through-link',
    dockerfile: from('RUN mkdir /real && ln -s real /alias', 'COPY a.txt /alias/'),
  },
  {
    name: 'copy-heredoc',
    dockerfile: from('ARG W=world', 'COPY <<EOF <<"RAW" /t/', 'hello $W', 'EOF', 'raw $W', 'RAW'),
  },
  {
    name: 'copy-from-stage',
    dockerfile: 'FROM busybox AS s\nRUN echo s > /s && chown 9:9 /s\nFROM busybox\nCOPY --from=s /s /t\n',
  },
  {
    name: 'copy-from-number',
    dockerfile: 'FROM busybox\nRUN mkdir -p /o/p && touch /o/p/q\nFROM busybox\nCOPY --from=0 /o /o\n',
  },
  {
    name: 'copy-from-wildcard',
    dockerfile: 'FROM busybox AS s\nRUN touch /x1 /x2 /y1\nFROM busybox\nCOPY --from=s /x* /got/\n',
  },
  { name: 'copy-from-image', dockerfile: from('COPY --from=busybox /etc/passwd /copied') },
  { name: 'copy-linked', dockerfile: from('RUN mkdir -m 700 /k', 'COPY --link a.txt /k/a') },
  {
    name: 'stages-content',
    dockerfile:
      'FROM busybox AS s\nCOPY b.txt /\nRUN echo same > /same\nFROM busybox\nCOPY --from=s /same /\nRUN cat /same > /after\n',
    change: ['b.txt'],
  },
  {
    name: 'stages-unneeded',
    dockerfile: 'FROM busybox AS bad\nRUN false\nFROM busybox AS good\nRUN echo good > /good\n',
  },
  {
    name: 'stages-target',
    dockerfile: 'FROM busybox AS first\nRUN echo first > /first\nFROM first\nRUN echo second > /second\n',
    target: 'first',
  },
  {
    name: 'stages-on-stage',
    dockerfile: 'FROM busybox AS base\nENV K=1\nUSER 3\nFROM base\nRUN echo $K > /tmp/k\n',
  },
  { name: 'from-scratch', dockerfile: 'FROM scratch\nCOPY dir /dir\nCMD ["/dir/one"]\n' },
  {
    name: 'from-arg',
    dockerfile: 'ARG BASE=busybox\nFROM ${BASE}:latest\nARG BASE\nRUN echo "[$BASE]" > /base\n',
  },
  { name: 'add-file', dockerfile: from('ADD a.txt /added/') },
  {
    name: 'order-cache',
    dockerfile: from(
      'COPY app/package.json /app/',
      'RUN echo install > /installed',
      'COPY app /app',
      'RUN echo build > /built',
    ),
    change: ['app/src/index.js'],
  },
  {
    name: 'order-cache-first',
    dockerfile: from('COPY app/package.json /app/', 'RUN echo install > /installed', 'COPY app /app'),
    change: ['app/package.json'],
  },
  {
    name: 'configuration',
    dockerfile: from(
      'LABEL a=1 b="two words"',
      'EXPOSE 80 53/udp',
      'VOLUME /data /more',
      'STOPSIGNAL SIGINT',
      'HEALTHCHECK --interval=3s --retries=2 CMD wget -q localhost',
      'ENTRYPOINT ["/bin/sh"]',
      'CMD ["-c", "true"]',
      'USER 5',
      'WORKDIR /w',
    ),
  },
  { name: 'onbuild', dockerfile: from('ONBUILD RUN echo later > /later', 'ONBUILD COPY . /src') },
  { name: 'escape', dockerfile: '# escape=`\nFROM busybox\nRUN echo one > /one && `\n    echo two > /two\n' },
  { name: 'failing', dockerfile: from('RUN echo before > /x', 'RUN exit 3', 'RUN echo never') },
  { name: 'missing-file', dockerfile: from('COPY nosuch /x') },
  { name: 'ignored-file', dockerfile: from('COPY ignored/x /x') },
];
