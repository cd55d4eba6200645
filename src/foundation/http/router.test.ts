import { expect, test } from 'bun:test';
import { createRouter } from './router.ts';

const route = (method: string, path: string) => ({ method, path });
const router = createRouter([
  route('GET', '/containers/json'),
  route('GET', '/containers/{id}/json'),
  route('POST', '/containers/{id}/start'),
  route('GET', '/images/json'),
  route('GET', '/images/{name:.*}/json'),
  route('DELETE', '/images/{name:.*}'),
  route('GET', '/_ping'),
]);
const found = (method: string, path: string) => {
  const match = router.match(method, path);
  return match && [match.value.path, match.params];
};

test('literal routes win over parameters that would match too', () => {
  expect(found('GET', '/containers/json')).toEqual(['/containers/json', {}]);
  expect(found('GET', '/containers/abc/json')).toEqual(['/containers/{id}/json', { id: 'abc' }]);
});

test('names of images keep their slashes', () => {
  expect(found('GET', '/images/localhost:5000/a/b:1/json')).toEqual([
    '/images/{name:.*}/json',
    { name: 'localhost:5000/a/b:1' },
  ]);
  expect(found('DELETE', '/images/a/json')).toEqual(['/images/{name:.*}', { name: 'a/json' }]);
});

test('other methods, other paths and empty parameters do not match', () => {
  expect(found('POST', '/containers/json')).toBeUndefined();
  expect(found('GET', '/containers//json')).toBeUndefined();
  expect(found('GET', '/containers/a/b/json')).toBeUndefined();
  expect(found('GET', '/_ping/')).toBeUndefined();
  expect(found('GET', '/')).toBeUndefined();
  expect(found('GET', '')).toBeUndefined();
});
