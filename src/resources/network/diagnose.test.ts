import { expect, test } from 'bun:test';
import { findForwardObstacles } from './diagnose.ts';

const ours = { table: 'silo', bridges: ['silo0'] };
const chain = (table: string, name: string, more: object = {}) => ({
  chain: { family: 'ip', table, name, ...more },
});
const rule = (table: string, chain: string, ...expr: object[]) => ({
  rule: { family: 'ip', table, chain, expr },
});
const forward = { hook: 'forward', policy: 'drop' };
const matching = (key: string, right: string) => ({ match: { op: '==', left: { meta: { key } }, right } });

test("Docker's policy is found, with the commands that let us through", () => {
  const [found, ...others] = findForwardObstacles(
    [chain('filter', 'FORWARD', forward), chain('filter', 'DOCKER-USER'), chain('silo', 'forward', forward)],
    ours,
  );
  expect(others).toEqual([]);
  expect(found?.message).toStartWith(
    "Docker's firewall drops forwarded traffic of silo0 (table ip filter, chain FORWARD)",
  );
  expect(found?.hint).toBe(
    'iptables -I DOCKER-USER -i silo0 -j ACCEPT; iptables -I DOCKER-USER -o silo0 -j ACCEPT',
  );
});

test('a firewall that accepts the bridge is no obstacle', () => {
  const ruleset = [
    chain('filter', 'FORWARD', forward),
    rule('filter', 'DOCKER-USER', matching('iifname', 'silo0'), { accept: null }),
  ];
  expect(findForwardObstacles(ruleset, ours)).toEqual([]);
  expect(findForwardObstacles(ruleset, { ...ours, bridges: ['silo0', 'br-1'] })[0]?.message).toContain(
    'of br-1 (',
  );
});

test('a chain that ends with a rejection of everything is found, one that rejects something is not', () => {
  const open = { hook: 'forward', policy: 'accept' };
  const reject = { reject: { type: 'icmpx', expr: 'admin-prohibited' } };
  expect(
    findForwardObstacles(
      [chain('firewalld', 'filter_FORWARD', open), rule('firewalld', 'filter_FORWARD', reject)],
      ours,
    )[0]?.hint,
  ).toContain('firewall-cmd --permanent --zone=trusted --add-interface=silo0');
  expect(
    findForwardObstacles(
      [chain('x', 'f', open), rule('x', 'f', matching('iifname', 'tun0'), { drop: null })],
      ours,
    ),
  ).toEqual([]);
});
