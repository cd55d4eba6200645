/** What programs outside of Silo import. */
export { createClient } from './create-client.ts';
export { daemonStatus } from './errors.ts';
export { demultiplex } from './stream-connection.ts';
export { SiloError } from '../../foundation/base/errors.ts';
export type { ErrorKind } from '../../foundation/base/errors.ts';
export type * from './calls.ts';
export type * from './client.ts';
export type * from './container-calls.ts';
export type * from './image-calls.ts';
export type { StreamConnection } from './stream-connection.ts';
