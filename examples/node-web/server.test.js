const assert = require('node:assert');
const test = require('node:test');
const { app } = require('./server.js');

test('greets', async () => {
  const answer = await app.request('/');
  assert.deepStrictEqual(Object.keys(await answer.json()), ['greeting']);
});
