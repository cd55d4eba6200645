import type { ExecCalls } from './container-calls.ts';
import type { Transport } from './transport.ts';

const at = (id: string, action: string): string => `/exec/${encodeURIComponent(id)}${action}`;

export function createExecCalls(transport: Transport): ExecCalls {
  return {
    create: (containerId, body, { signal } = {}) =>
      transport.json({
        method: 'POST',
        path: `/containers/${encodeURIComponent(containerId)}/exec`,
        body,
        signal,
      }),
    attach: (id, body, { signal } = {}) =>
      transport.hijack({ method: 'POST', path: at(id, '/start'), body: { ...body, Detach: false }, signal }),
    startDetached: (id, body, { signal } = {}) =>
      transport.done({ method: 'POST', path: at(id, '/start'), body: { ...body, Detach: true }, signal }),
    resize: (id, size, { signal } = {}) =>
      transport.done({
        method: 'POST',
        path: at(id, '/resize'),
        query: { h: size.rows, w: size.columns },
        signal,
      }),
    inspect: (id, { signal } = {}) => transport.json({ method: 'GET', path: at(id, '/json'), signal }),
  };
}
