import { expect, test } from 'bun:test';
import { applyChanges } from './changes.ts';

test('each instruction changes its field, in exec and shell form', () => {
  expect(
    applyChanges({ Env: ['PATH=/bin'] }, [
      'CMD ["sh", "-c"]',
      'entrypoint run --all',
      'ENV A=1 B="two words" C=$A${PATH}',
      'ENV D all the rest',
      'EXPOSE 80 443/TCP 8000-8002/udp',
      'LABEL a.b=c "d e"=f',
      'USER $A:0',
      'VOLUME ["/data", "/x y"]',
      'VOLUME /more',
      'WORKDIR /srv',
      'WORKDIR app/../web',
      'STOPSIGNAL SIGQUIT',
      'ONBUILD RUN echo $A',
      'HEALTHCHECK --interval=1m30s --retries=3 CMD curl localhost',
    ]),
  ).toEqual({
    Env: ['PATH=/bin', 'A=1', 'B=two words', 'C=/bin', 'D=all the rest'],
    Cmd: ['sh', '-c'],
    Entrypoint: ['/bin/sh', '-c', 'run --all'],
    ExposedPorts: { '80/tcp': {}, '443/tcp': {}, '8000/udp': {}, '8001/udp': {}, '8002/udp': {} },
    Labels: { 'a.b': 'c', 'd e': 'f' },
    User: '1:0',
    Volumes: { '/data': {}, '/x y': {}, '/more': {} },
    WorkingDir: '/srv/web',
    StopSignal: 'SIGQUIT',
    OnBuild: ['RUN echo $A'],
    Healthcheck: { Test: ['CMD-SHELL', 'curl localhost'], Interval: 90e9, Retries: 3 },
  });
});

test('values are quoted, escaped and expanded as in a Dockerfile', () => {
  const env = (text: string): string | undefined =>
    applyChanges({ Env: ['N=v'] }, [`ENV X=${text}`]).Env?.find((entry) => entry.startsWith('X='));
  expect(env(`'$N'`)).toBe('X=$N');
  expect(env('"$N"')).toBe('X=v');
  expect(env('a\\ b')).toBe('X=a b');
  expect(env('\\$N')).toBe('X=$N');
  expect(env('${M:-default}')).toBe('X=default');
  expect(env('${N:+there}')).toBe('X=there');
});

test('a healthcheck can be taken away, and keeps the exec form', () => {
  expect(applyChanges({}, ['HEALTHCHECK NONE']).Healthcheck).toEqual({ Test: ['NONE'] });
  expect(applyChanges({}, ['HEALTHCHECK CMD ["a", "b"]']).Healthcheck).toEqual({ Test: ['CMD', 'a', 'b'] });
});

test.each([
  ['RUN true', 'RUN is not a valid change command'],
  ['constructor x', 'constructor is not a valid change command'],
  ['', ' is not a valid change command'],
  ['ENV', 'ENV requires at least one argument'],
  ['ENV A', `Syntax error - can't find = in "A". Must be of the form: name=value`],
  ['EXPOSE 0', 'Invalid containerPort: 0'],
  ['EXPOSE 70000', 'Invalid containerPort: 70000'],
  ['ONBUILD FROM x', `FROM isn't allowed as an ONBUILD trigger`],
  ['HEALTHCHECK --interval=soon CMD x', 'invalid duration "soon": want a form such as 30s or 1m30s'],
  ['STOPSIGNAL ; rm', 'Invalid signal: ; rm'],
])('%p is refused', (change, message) => {
  expect(() => applyChanges({}, [change])).toThrow(message);
});
