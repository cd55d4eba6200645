import { expect, test } from 'bun:test';
import { changePorts } from './change-ports.ts';
import type { PortRequest } from './network.ts';

const port = (containerPort: number, hostPort: number, hostAddress = ''): PortRequest => ({
  containerPort,
  protocol: 'tcp',
  hostAddress,
  hostPort,
});
const open = [port(80, 8080, '0.0.0.0'), port(80, 8080, '::'), port(81, 8081, '127.0.0.1')];

test('a port closes on every address that the request fits', () => {
  expect(changePorts(open, { add: [], remove: [port(80, 8080)] }).closing).toEqual(open.slice(0, 2));
  expect(changePorts(open, { add: [], remove: [port(81, 0)] }).closing).toEqual(open.slice(2));
  expect(changePorts(open, { add: [], remove: [port(80, 8081), port(81, 8081, '::1')] }).closing).toEqual([]);
});

test('what is open already is not opened again, unless it closes in the same change', () => {
  expect(changePorts(open, { add: [port(80, 8080)], remove: [] }).opening).toEqual([]);
  expect(changePorts(open, { add: [port(80, 8080)], remove: [port(80, 8080)] }).opening).toEqual([
    port(80, 8080),
  ]);
  expect(changePorts(open, { add: [port(80, 0)], remove: [] }).opening).toEqual([port(80, 0)]);
  expect(changePorts(open, { add: [port(80, 9090)], remove: [] }).opening).toEqual([port(80, 9090)]);
});
