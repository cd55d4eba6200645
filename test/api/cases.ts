/** One request whose answer a real Docker gave once (`facts/`), and which Silo must answer alike. */
export interface Case {
  /** What is wrong with it, or asked by it. */
  what: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  /** Words in braces are of the world's: `{ambiguous}`. */
  path: string;
  body?: unknown;
  /** A body that is no JSON, sent as it is. */
  raw?: string;
  type?: string;
  /** The container that was made is started, and that answer is compared too. */
  start?: true;
  /** What to compare of a success: nothing by default, `list` for the names of what is listed, or the settings of the container that was made. */
  show?: 'list' | 'settings' | 'json';
}

export const get = (what: string, path: string, more: Partial<Case> = {}): Case => ({
  what,
  method: 'GET',
  path,
  ...more,
});
export const post = (what: string, path: string, body?: unknown, more: Partial<Case> = {}): Case => ({
  what,
  method: 'POST',
  path,
  ...(body === undefined ? {} : { body }),
  ...more,
});
export const remove = (what: string, path: string): Case => ({ what, method: 'DELETE', path });

/** A create request of busybox with these settings. */
export const create = (what: string, config: object, more: Partial<Case> = {}): Case =>
  post(what, '/containers/create', { Image: 'busybox', Cmd: ['true'], ...config }, more);
export const createWith = (what: string, HostConfig: object, more: Partial<Case> = {}): Case =>
  create(what, { HostConfig }, more);
export const filtered = (what: string, path: string, filters: unknown): Case =>
  get(
    what,
    `${path}${path.includes('?') ? '&' : '?'}filters=${encodeURIComponent(typeof filters === 'string' ? filters : JSON.stringify(filters))}`,
    { show: 'list' },
  );
