import { expect, test } from 'bun:test';
import * as dns from 'dns-packet';
import { createForwarder } from './forwarder.ts';
import { createNameTable } from './name-table.ts';
import { createQuestions } from './questions.ts';

test('answers to short questions are kept, to long ones are not', () => {
  using forwarder = createForwarder();
  const names = createNameTable();
  names.put({
    containerId: 'web',
    pid: 1,
    namespace: 1,
    places: [{ networkId: 'n', networkName: 'n', names: ['web'], links: {}, ipv4: '10.1.0.2', subnets: [] }],
    upstreams: [],
  });
  let looked = 0;
  const questions = createQuestions(
    {
      ...names,
      generation: 1,
      lookUp(containerId, name) {
        looked++;
        return names.lookUp(containerId, name);
      },
    },
    forwarder,
    'web',
  );
  const short = dns.encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'web' }] });
  const long = Buffer.concat([short, Buffer.alloc(600)]);
  const answers: unknown[] = [];
  const ask = (query: Buffer): void =>
    questions.answer(query, 'udp', (bytes) => {
      const [answer] = dns.decode(Buffer.from(bytes)).answers ?? [];
      answers.push(answer && 'data' in answer ? answer.data : '');
    });
  ask(short);
  ask(short);
  expect(looked).toBe(1);
  ask(long);
  ask(long);
  expect(looked).toBe(3);
  expect(answers).toEqual(Array(4).fill('10.1.0.2'));
});
