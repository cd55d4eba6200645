import type { IncomingHttpHeaders } from 'node:http';

const loopbackHost = /^(localhost|127(\.\d+){3}|\[::1\]|)(:\d+)?$/;

/**
 * Whether a request may come from a web page: browsers send `Origin` or `Sec-Fetch-Site`, and a page that rebinds its own name to a loopback
 * address still sends that name as `Host`.
 */
export function isForeignPage(headers: IncomingHttpHeaders): boolean {
  return (
    headers.origin !== undefined ||
    headers['sec-fetch-site'] !== undefined ||
    !loopbackHost.test(headers.host ?? '')
  );
}
