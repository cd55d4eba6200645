import {
  type KeyObject,
  X509Certificate,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../../../foundation/base/atomic-file.ts';
import { invalid } from '../../../foundation/base/errors.ts';

/** Half of a key pair that signs tokens. */
export interface SigningKey {
  key: KeyObject;
  publicKey: KeyObject;
  algorithm: string;
  id: string;
}

/** The other half, of whoever is trusted. */
export interface TrustedKey {
  key: KeyObject;
  /** Tells keys apart. */
  print: string;
}

const maximumKeys = 20;

/** Reads a private key (PEM, PKCS #8 or the older forms): EC of P-256 or P-384, RSA of 2048 bits at least, or Ed25519. */
export function parseSigningKey(pem: string): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw invalid('it holds no private key in PEM form', { cause });
  }
  const publicKey = createPublicKey(pem);
  return { key, publicKey, algorithm: algorithmOf(key), id: printOf(publicKey).slice(0, 22) };
}

/** The key that is kept in the file; made (ES256) when there is none, so that tokens outlive a restart. */
export async function openSigningKey(path: string): Promise<SigningKey> {
  try {
    return parseSigningKey(await readFile(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFileAtomic(path, pem, { mode: 0o600 });
  return parseSigningKey(pem);
}

/** Reads those whose tokens count: a JWK set (RFC 7517), or public keys and certificates in PEM form one after the other. */
export function parseTrustedKeys(text: string): TrustedKey[] {
  const keys = text.trimStart().startsWith('{') ? fromJwkSet(text) : fromPem(text);
  if (keys.length === 0) throw invalid('it holds no public key');
  if (keys.length > maximumKeys) throw invalid(`it holds more than ${maximumKeys} keys`);
  for (const key of keys) algorithmOf(key);
  return keys.map(toTrusted);
}

export const toTrusted = (key: KeyObject): TrustedKey => ({ key, print: printOf(key) });

function fromJwkSet(text: string): KeyObject[] {
  const parsed: unknown = JSON.parse(text);
  const list: unknown =
    typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : [parsed];
  if (!Array.isArray(list)) throw invalid('"keys" is no list');
  return list
    .filter((jwk: unknown): jwk is Record<string, string> => typeof jwk === 'object' && jwk !== null)
    .filter(({ use, kty }) => use !== 'enc' && kty !== 'oct')
    .map((jwk) => createPublicKey({ key: jwk, format: 'jwk' }));
}

function fromPem(text: string): KeyObject[] {
  const blocks = text.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g) ?? [];
  return blocks.map((pem) => {
    if (pem.includes('PRIVATE KEY'))
      throw invalid('it holds a private key, where only public ones belong', {
        hint: 'extract it with: openssl pkey -in KEY -pubout',
      });
    return pem.includes('CERTIFICATE') ? new X509Certificate(pem).publicKey : createPublicKey(pem);
  });
}

function algorithmOf(key: KeyObject): string {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    if (namedCurve === 'prime256v1' || namedCurve === 'P-256') return 'ES256';
    if (namedCurve === 'secp384r1' || namedCurve === 'P-384') return 'ES384';
  }
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) return 'RS256';
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  throw invalid(`keys of the kind ${key.asymmetricKeyType ?? 'unknown'} are not used`, {
    hint: 'want EC (P-256, P-384), RSA of at least 2048 bits, or Ed25519',
  });
}

const printOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
