import type { TlsOptions } from '../../client/connection.ts';

/** The engine that a command line means. */
export interface Target {
  host: string;
  /** It is this machine's own, which is started when it does not run. */
  isDefault: boolean;
  tls?: TlsOptions;
  /** The variable or context that named it. */
  namedBy?: string;
}

/** What the command line and its surroundings name: an address, or the name of a context. */
export interface Choice {
  context: string;
  host?: string;
  /** The variable that said so. */
  variable?: string;
}

/** The context that stands for nothing: variables and the default socket. */
export const defaultContext = 'default';
