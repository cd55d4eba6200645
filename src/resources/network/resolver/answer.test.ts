import { expect, test } from 'bun:test';
import * as dns from 'dns-packet';
import { addressOfArpa, judge, serverFailure } from './answer.ts';
import { createNameTable, type NameTable } from './name-table.ts';
import type { ResolverContainer } from './resolver.ts';

function container(id: string, places: Partial<ResolverContainer['places'][number]>[]): ResolverContainer {
  return {
    containerId: id,
    pid: 1,
    namespace: 1,
    places: places.map((place) => ({
      networkId: 'n1',
      networkName: 'back',
      names: [id],
      links: {},
      ipv4: '10.1.0.2',
      subnets: ['10.1.0.0/24', 'fd00:1::/64'],
      ...place,
    })),
    host: { ipv4: '10.1.0.1' },
    upstreams: ['192.0.2.1'],
  };
}

function table(...containers: ResolverContainer[]): NameTable {
  const made = createNameTable();
  for (const one of containers) made.put(one);
  return made;
}

const people = (): NameTable =>
  table(
    container('web', [{ ipv4: '10.1.0.2' }]),
    container('db', [{ ipv4: '10.1.0.3', ipv6: 'fd00:1::3', names: ['db', 'Store'] }]),
    container('db2', [{ ipv4: '10.1.0.4', names: ['db2', 'store'] }]),
    container('far', [{ networkId: 'n2', networkName: 'other', ipv4: '10.2.0.2' }]),
  );

const query = (name: string, type: dns.RecordType = 'A'): Buffer =>
  dns.encode({ type: 'query', id: 4711, flags: dns.RECURSION_DESIRED, questions: [{ type, name }] });

function ask(
  names: NameTable,
  name: string,
  type: dns.RecordType = 'A',
  turn = 0,
): dns.DecodedPacket | string {
  const verdict = judge(names, 'web', query(name, type), { transport: 'udp', turn });
  return verdict.kind === 'reply' ? dns.decode(Buffer.from(verdict.bytes)) : verdict.kind;
}
const data = (packet: dns.DecodedPacket | string): unknown[] =>
  typeof packet === 'string'
    ? [packet]
    : (packet.answers ?? []).map((answer) => ('data' in answer ? answer.data : ''));
const code = (packet: dns.DecodedPacket | string): string =>
  typeof packet === 'string' ? packet : String((packet as { rcode?: string }).rcode);

test('names are those of the own networks, whatever their case', () => {
  const names = people();
  expect(data(ask(names, 'db'))).toEqual(['10.1.0.3']);
  expect(data(ask(names, 'DB'))).toEqual(['10.1.0.3']);
  expect(data(ask(names, 'db.back'))).toEqual(['10.1.0.3']);
  expect(data(ask(names, 'db', 'AAAA'))).toEqual(['fd00:1::3']);
  expect(code(ask(names, 'far'))).toBe('NXDOMAIN');
  expect(code(ask(names, 'far.other'))).toBe('forward');
});

test('a name without an address of the family exists all the same', () => {
  for (const type of ['AAAA', 'MX', 'TXT'] as const) {
    const answer = ask(people(), 'db2', type);
    expect([code(answer), data(answer)]).toEqual(['NOERROR', []]);
  }
});

test('several addresses take turns', () => {
  const names = people();
  expect(data(ask(names, 'store', 'A', 0))).toEqual(['10.1.0.3', '10.1.0.4']);
  expect(data(ask(names, 'store', 'A', 1))).toEqual(['10.1.0.4', '10.1.0.3']);
  expect(judge(names, 'web', query('store'), { transport: 'udp', turn: 0 })).toMatchObject({
    cacheable: false,
  });
});

test('what is ours to know is never asked elsewhere', () => {
  const names = people();
  for (const name of ['nobody', 'nobody.back', '9.0.1.10.in-addr.arpa'])
    expect(code(ask(names, name, name.endsWith('arpa') ? 'PTR' : 'A'))).toBe('NXDOMAIN');
  for (const name of ['www.example.org', '9.9.9.9.in-addr.arpa'])
    expect(code(ask(names, name, name.endsWith('arpa') ? 'PTR' : 'A'))).toBe('forward');
});

test('networks are found whatever the case of their names', () => {
  const names = table(
    container('web', [{ networkName: 'Back' }]),
    container('db', [{ networkName: 'Back', ipv4: '10.1.0.3' }]),
  );
  expect(data(ask(names, 'db.Back'))).toEqual(['10.1.0.3']);
  expect(code(ask(names, 'nobody.back'))).toBe('NXDOMAIN');
});

test('a question that is longer than any is refused', () => {
  const long = Buffer.concat([query('db'), Buffer.alloc(5_000)]);
  const verdict = judge(people(), 'web', long, { transport: 'udp', turn: 0 });
  expect(verdict.kind === 'reply' && dns.decode(Buffer.from(verdict.bytes))).toMatchObject({
    rcode: 'FORMERR',
  });
});

test('addresses lead back to names, in both families', () => {
  const names = people();
  expect(data(ask(names, '3.0.1.10.in-addr.arpa', 'PTR'))).toEqual(['db.back']);
  const arpa = `3.${'0.'.repeat(23)}1.0.0.0.0.0.d.f.ip6.arpa`;
  expect(data(ask(names, arpa, 'PTR'))).toEqual(['db.back']);
  expect(addressOfArpa('1.2.3.in-addr.arpa')).toBeUndefined();
});

test('the host has names, and links are for their owner only', () => {
  const names = table(
    container('web', [{ links: { base: 'db' } }]),
    container('db', [{ ipv4: '10.1.0.3' }]),
    container('other', [{ ipv4: '10.1.0.9' }]),
  );
  expect(data(ask(names, 'host.docker.internal'))).toEqual(['10.1.0.1']);
  expect(data(ask(names, 'base'))).toEqual(['10.1.0.3']);
  expect(judge(names, 'other', query('base'), { transport: 'udp', turn: 0 })).toMatchObject({
    kind: 'reply',
  });
  expect(names.lookUp('other', 'base')).toEqual({ kind: 'absent' });
});

test('what is dropped is forgotten, and the table says that it changed', () => {
  const names = people();
  const before = names.generation;
  names.drop('db');
  expect(names.generation).toBeGreaterThan(before);
  expect(code(ask(names, 'db'))).toBe('NXDOMAIN');
  expect(data(ask(names, 'store'))).toEqual(['10.1.0.4']);
});

test('an answer that does not fit is cut, and whole over TCP', () => {
  const many = Array.from({ length: 60 }, (_, i) =>
    container(`c${i}`, [{ names: ['many'], ipv4: `10.1.0.${i + 10}` }]),
  );
  const names = table(container('web', [{}]), ...many);
  const cut = ask(names, 'many');
  expect(typeof cut === 'object' && cut.flag_tc).toBe(true);
  // Programs without TCP have some at least.
  expect(data(cut).length).toBeGreaterThan(15);
  const short = judge(names, 'web', query('many'), { transport: 'udp', turn: 0 });
  expect(short.kind === 'reply' && short.bytes.length).toBeLessThanOrEqual(512);
  const whole = judge(names, 'web', query('many'), { transport: 'tcp', turn: 0 });
  expect(whole.kind === 'reply' && dns.decode(Buffer.from(whole.bytes)).answers).toHaveLength(60);
});

test('whatever comes in, something sensible goes out', () => {
  const names = people();
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  for (let round = 0; round < 5_000; round++) {
    const bytes = query(['db', 'www.example.org', 'x'.repeat(60)][random(3)] ?? '');
    for (let change = random(6); change >= 0; change--) bytes[random(bytes.length)] = random(256);
    const cut = bytes.subarray(0, random(bytes.length + 1));
    const verdict = judge(names, 'web', cut, { transport: 'udp', turn: round });
    if (verdict.kind === 'reply') {
      expect(verdict.bytes.length).toBeGreaterThanOrEqual(12);
      expect(Buffer.from(verdict.bytes).readUInt16BE(0)).toBe(cut.readUInt16BE(0));
    }
  }
  expect(judge(names, 'web', Buffer.alloc(3), { transport: 'udp', turn: 0 }).kind).toBe('drop');
  const answer = query('db');
  answer[2] = 0x80;
  expect(judge(names, 'web', answer, { transport: 'udp', turn: 0 }).kind).toBe('drop');
});

test('a failure repeats the question', () => {
  const packet = dns.decode(Buffer.from(serverFailure(query('www.example.org'))));
  expect(packet).toMatchObject({ id: 4711, rcode: 'SERVFAIL', questions: [{ name: 'www.example.org' }] });
});
