import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../foundation/base/errors.ts';
import { isCdiName } from '../../foundation/oci/cdi-name.ts';
import { createCdiDevices } from './registry.ts';

let root: string;
const at = (name: string): string => join(root, name);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'silo-cdi-'));
  mkdirSync(at('first'));
  mkdirSync(at('second'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (name: string, content: unknown, mode = 0o644): void => {
  writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(at(name), mode);
};
const file = (containerEdits: object, more: object = {}): object => ({
  cdiVersion: '0.6.0',
  kind: 'vendor.com/net',
  devices: [{ name: 'nic0', containerEdits }],
  ...more,
});
const devices = (): ReturnType<typeof createCdiDevices> =>
  createCdiDevices([at('first'), at('second'), at('none')]);
const refusal = async (...names: string[]): Promise<{ message: string; hint: string }> => {
  try {
    await devices().resolve(names);
  } catch (thrown) {
    const { message, hint = '' } = toSiloError(thrown);
    return { message, hint };
  }
  throw new Error('it was resolved');
};

describe('devices by name', () => {
  test('come from JSON and YAML, the common edits once and first', async () => {
    write('first/a.json', {
      ...file({ env: ['A=1'], additionalGids: [5, 0] }),
      devices: [
        { name: 'nic0', containerEdits: { env: ['A=1'] } },
        { name: 'nic1', containerEdits: { env: ['B=2'] } },
      ],
      containerEdits: { env: ['ALL=1'], additionalGids: [5, 0] },
    });
    write(
      'second/b.yaml',
      `cdiVersion: "1.0.0"
kind: other.org/gpu
devices:
  - name: "0"
    containerEdits:
      deviceNodes: [{path: /dev/gpu0, hostPath: /dev/null, permissions: rw, uid: 7}]
      mounts: [{hostPath: /etc/hostname, containerPath: /host, options: [ro, bind]}]
      hooks: [{hookName: createContainer, path: /bin/true, args: ["true"], timeout: 3}]
`,
    );
    const edits = await devices().resolve(['vendor.com/net=nic1', 'other.org/gpu=0', 'vendor.com/net=nic0']);
    expect(edits).toEqual({
      env: ['ALL=1', 'B=2', 'A=1'],
      deviceNodes: [{ path: '/dev/gpu0', hostPath: '/dev/null', permissions: 'rw', uid: 7 }],
      mounts: [{ hostPath: '/etc/hostname', containerPath: '/host', options: ['ro', 'bind'] }],
      hooks: [{ hookName: 'createContainer', path: '/bin/true', args: ['true'], timeout: 3 }],
      additionalGids: [5],
    });
  });

  test('a later folder wins, two files of one folder do not', async () => {
    write('first/a.json', file({ env: ['FROM=first'] }));
    write('second/a.json', file({ env: ['FROM=second'] }));
    expect((await devices().resolve(['vendor.com/net=nic0'])).env).toEqual(['FROM=second']);
    write('second/b.json', file({ env: ['FROM=third'] }));
    const { message, hint } = await refusal('vendor.com/net=nic0');
    expect(message).toBe('unresolvable CDI devices vendor.com/net=nic0');
    expect(hint).toContain('in another file of the folder too');
  });

  test('unknown ones are all named, with the folders', async () => {
    const { message, hint } = await refusal('a.b/c=d', 'e.f/g=h');
    expect(message).toBe('unresolvable CDI devices a.b/c=d, e.f/g=h');
    expect(hint).toContain(at('first'));
  });

  test.each<[string, unknown, string]>([
    ['not JSON', '{', 'JSON'],
    ['no object', '[]', 'want a JSON object'],
    ['of another version', file({}, { cdiVersion: '2.0.0' }), 'cdiVersion "2.0.0"'],
    ['of no kind', file({}, { kind: 'vendor' }), 'is not of the form vendor/class'],
    ['without devices', file({}, { devices: [] }), 'no devices'],
    [
      'with a field that is not honoured',
      file({ intelRdt: { closID: 'x' } }),
      'field intelRdt is not supported',
    ],
    [
      'with a hook that is not run',
      file({ hooks: [{ hookName: 'poststop', path: '/bin/true' }] }),
      '"poststop"',
    ],
    ['with a relative device', file({ deviceNodes: [{ path: 'dev/x' }] }), 'must be an absolute path'],
    ['with an odd variable', file({ env: ['=x'] }), 'is not of the form NAME=value'],
    [
      'with a mount that is nowhere',
      file({ mounts: [{ hostPath: '/x', containerPath: 'y' }] }),
      'absolute path',
    ],
  ])('a file that is %s gives none, and the hint says why', async (_what, content, reason) => {
    write('first/a.json', content);
    expect((await refusal('vendor.com/net=nic0')).hint).toContain(reason);
  });

  test('a file that others may write is not believed', async () => {
    write('first/a.json', file({}), 0o666);
    expect((await refusal('vendor.com/net=nic0')).hint).toContain('others than its owner may write it');
  });
});

test('names of devices are told from paths', () => {
  for (const name of ['vendor.com/net=nic0', 'a/b=c', 'nvidia.com/gpu=0', 'v/c=a.b:c-d'])
    expect(isCdiName(name)).toBe(true);
  for (const text of ['/dev/sda=x', '/dev/null', 'vendor=x', 'v/c=', 'v/c=-a', '/dev/a:/dev/b=c', '1v/c=d'])
    expect(isCdiName(text)).toBe(false);
});
