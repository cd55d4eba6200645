const { serve } = require('@hono/node-server');
const { Hono } = require('hono');

const app = new Hono();
app.get('/', (context) => context.json({ greeting: process.env.GREETING ?? 'hello from node in Silo' }));
app.get('/health', (context) => context.json({ status: 'ok' }));

module.exports = { app };

if (require.main === module) {
  const server = serve({ fetch: app.fetch, hostname: '0.0.0.0', port: 3000 }, ({ port }) =>
    console.log(`listens on ${port}`),
  );
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => server.close());
}
