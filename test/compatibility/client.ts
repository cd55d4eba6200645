import type { Result } from '../e2e/run.ts';
import type { Place } from './registries.ts';

/** One client's way of doing each operation. Names are `REPOSITORY:TAG` without a host. */
export interface Client {
  /** Pushes the image that the world gives to push. */
  push(place: Place, name: string): Promise<void>;
  /** Fetches an image that is not here; the digest of its configuration. */
  pull(place: Place, name: string): Promise<string>;
  copyIndex?(place: Place, from: string, to: string): Promise<void>;
  listTags?(place: Place, repository: string): Promise<string[]>;
  /** Names of repositories, as the client shows them. */
  search?(place: Place, word: string): Promise<string[]>;
  remove?(place: Place, name: string): Promise<void>;
  /** With the right password, into this file. */
  logIn(place: Place, file: string): Promise<Result>;
  /** A pull that must not work: with a wrong password, or from a registry whose authority nobody has named. */
  refused(place: Place, name: string, why: 'password' | 'authority'): Promise<Result>;
  /** Takes the images of this test out of a store that stays. */
  leave?(): Promise<void>;
}

/** What the clients share. */
export interface World {
  /** For their files; removed at the end. */
  folder: string;
  /** OCI image layouts. */
  layouts: { pushed: string };
  /** Configuration digest of the image that is pulled. */
  pulledId: string;
  pushedId: string;
  /** A file in the form of Docker's `config.json`, with an account for the place. */
  accountFile(place: Place, account: 'right' | 'wrong' | 'none'): string;
  /** Throws with the output when it failed. */
  good(result: Result): Result;
}
