import { connect } from 'node:net';

const patienceMs = 2000;

/** Whether the engine's API answers there without TLS and certificates: asked as a stranger would. */
export function answersStrangers({ address, port }: { address: string; port: number }): Promise<boolean> {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: patienceMs });
    let text = '';
    const end = (): void => {
      socket.destroy();
      resolve(/^HTTP\/1\.1 200 [\s\S]*^api-version:/im.test(text));
    };
    socket.on(
      'connect',
      () => void socket.write('GET /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    );
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n') || text.length > 65_536) end();
    });
    for (const event of ['error', 'close', 'timeout'] as const) socket.on(event, end);
  });
}
