/** The runtime's own: importing node:crypto takes 8 ms of processor, a quarter of what a helper process costs to start. */
export interface Hasher {
  update(bytes: string | Uint8Array): unknown;
  digest(encoding: 'hex'): string;
}

export function createHasher(algorithm: 'sha256' | 'sha512'): Hasher {
  return new Bun.CryptoHasher(algorithm);
}
