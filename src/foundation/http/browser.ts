import type { IncomingHttpHeaders } from 'node:http';

const loopbackHost = /^(localhost|127(\.\d+){3}|\[::1\]|)(:\d+)?$/;

/**
 * Whether a request may come from a web page: browsers send `Origin` or `Sec-Fetch-Site`, and a page that rebinds its own name to a loopback
 * address still sends that name as `Host`. Where clients show certificates the engine has a name in the network, and a page under another one does
 * not get past the server's own certificate.
 */
export function isForeignPage(headers: IncomingHttpHeaders, { anyHost }: { anyHost: boolean }): boolean {
  return (
    headers.origin !== undefined ||
    headers['sec-fetch-site'] !== undefined ||
    (!anyHost && !loopbackHost.test(headers.host ?? ''))
  );
}
