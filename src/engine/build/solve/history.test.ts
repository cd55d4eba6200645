import { expect, test } from 'bun:test';
import type { HistoryItem } from '../graph/history-item.ts';
import { wholeHistory } from './history.ts';

const item = (createdBy: string, step: HistoryItem['step']): HistoryItem => ({ createdBy, step });
const layer = (created_by: string) => ({ created: '2001-01-01T00:00:00.000Z', created_by });

test('entries of the base come first, then one of each instruction, with a layer where its step made one', () => {
  const steps = [
    layer('WORKDIR /of/the/base'),
    layer('base'),
    layer('WORKDIR /made'),
    { ...layer('RUN true'), empty_layer: true },
    layer('COPY a /a'),
  ];
  const items = [
    item('WORKDIR /there', 'folder'),
    item('ENV A=b', 'never'),
    item('WORKDIR /made', 'folder'),
    item('RUN /bin/sh -c true', 'always'),
    item('COPY a /a', 'always'),
  ];
  const told = wholeHistory(items.slice(1), { steps, atMs: 0, isFixed: false });
  expect(told.map(({ created_by, empty_layer = false }) => [created_by, empty_layer])).toEqual([
    ['WORKDIR /of/the/base', false],
    ['base', false],
    ['ENV A=b', true],
    ['WORKDIR /made', false],
    ['RUN /bin/sh -c true', true],
    ['COPY a /a', false],
  ]);
  const fixed = wholeHistory(items.slice(1), { steps, atMs: 0, isFixed: true });
  expect(new Set(fixed.slice(2).map(({ created }) => created))).toEqual(
    new Set(['1970-01-01T00:00:00.000Z']),
  );
});
