import { expect, test } from 'bun:test';
import { formatEvent } from './event-json.ts';

test('an event keeps every nanosecond and the words of old clients', () => {
  const line = formatEvent({
    type: 'container',
    action: 'die',
    id: 'abc',
    attributes: { image: 'busybox', exitCode: '137' },
    timeNs: 1_795_253_149_429_202_469n,
  });
  expect(line).toBe(
    '{"status":"die","id":"abc","from":"busybox","Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"image":"busybox","exitCode":"137"}},"scope":"local","time":1795253149,"timeNano":1795253149429202469}\n',
  );
});

test('events of networks have no legacy words', () => {
  const line = formatEvent({ type: 'network', action: 'connect', id: 'n', attributes: {}, timeNs: 1n });
  expect(line).toBe(
    '{"Type":"network","Action":"connect","Actor":{"ID":"n","Attributes":{}},"scope":"local","time":0,"timeNano":1}\n',
  );
});
