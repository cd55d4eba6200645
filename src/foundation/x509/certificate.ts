import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { findIpAddress } from '../base/ip-address.ts';
import { invalid, toSiloError } from '../base/errors.ts';
import * as der from './der.ts';

/** A certificate and its private key, PEM. */
export interface Issued {
  cert: string;
  key: string;
}

/** What a certificate may be used for. */
export type Purpose =
  | { kind: 'authority' }
  | { kind: 'server'; hosts: readonly string[] }
  | { kind: 'client' };

export interface Wanted {
  /** Common name of the subject: at most 64 characters (RFC 5280, ub-common-name). */
  name: string;
  purpose: Purpose;
  from: Date;
  to: Date;
}

const ids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
};

const maximumName = 64;
const curve = 'prime256v1';
/** How all that is made here is signed. */
export const signature = der.sequence(der.objectId(ids.ecdsaWithSha256));

/**
 * Makes a key (P-256) and a certificate for it, X.509 version 3 as RFC 5280 has it. Without `issuer` it signs itself. Kind `invalid` when a name or
 * the issuer cannot be used.
 */
export function issueCertificate(wanted: Wanted, issuer?: Issued): Issued {
  if (wanted.name === '' || wanted.name.length > maximumName || hasControls(wanted.name))
    throw invalid(`${JSON.stringify(wanted.name)} cannot be the name of a certificate`, {
      hint: `want 1 to ${maximumName} printable characters`,
    });
  const pair = generateKeyPairSync('ec', { namedCurve: curve });
  const subject = nameOf(wanted.name);
  const ownKeyId = keyId(pair.publicKey);
  const signer =
    issuer === undefined ? { name: subject, key: pair.privateKey, keyId: ownKeyId } : readIssuer(issuer);
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))),
    der.integer(randomSerial()),
    signature,
    signer.name,
    der.sequence(der.time(wanted.from), der.time(wanted.to)),
    subject,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensions(wanted.purpose, ownKeyId, signer.keyId))),
  );
  const signed = sign('sha256', body, { key: signer.key, dsaEncoding: 'der' });
  return {
    cert: pem('CERTIFICATE', der.sequence(body, signature, der.bits(signed))),
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

/** A DNS name or an address that a server's certificate may hold. */
export function isHostName(text: string): boolean {
  return (
    findIpAddress(text) !== undefined ||
    (text.length <= 253 &&
      /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*$/i.test(text))
  );
}

/** 127 random bits: positive, never zero, and nobody's counter. */
function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  return serial;
}

const nameOf = (text: string): Buffer =>
  der.sequence(der.set(der.sequence(der.objectId(ids.commonName), der.utf8(text))));

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 names the key here and protects nothing. */
function keyId(key: KeyObject): Buffer {
  const [info] = der.valuesOf(key.export({ type: 'spki', format: 'der' }));
  const [, bits] = der.valuesOf(info?.content ?? Buffer.alloc(0));
  return hash('sha1', bits?.content.subarray(1) ?? Buffer.alloc(0), 'buffer');
}

function extensions(purpose: Purpose, own: Buffer, authority: Buffer): Buffer[] {
  const isAuthority = purpose.kind === 'authority';
  return [
    extension(
      ids.basicConstraints,
      // No authorities below it.
      isAuthority ? der.sequence(der.boolean(true), der.integer(Buffer.from([0]))) : der.sequence(),
      true,
    ),
    // Bit 0 signs handshakes; bits 5 and 6 sign certificates and lists of revoked ones.
    extension(
      ids.keyUsage,
      isAuthority ? der.bits(Buffer.from([0x06]), 1) : der.bits(Buffer.from([0x80]), 7),
      true,
    ),
    ...(isAuthority
      ? []
      : [
          extension(
            ids.extendedKeyUsage,
            der.sequence(der.objectId(purpose.kind === 'server' ? ids.serverAuth : ids.clientAuth)),
          ),
        ]),
    ...(purpose.kind === 'server'
      ? [extension(ids.alternativeNames, der.sequence(...purpose.hosts.map(alternativeName)))]
      : []),
    extension(ids.subjectKey, der.octets(own)),
    extension(ids.authorityKey, der.sequence(der.implicit(0, authority))),
  ];
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  der.sequence(der.objectId(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));

/** GeneralName: `[2]` a DNS name, `[7]` an address in network order. */
function alternativeName(host: string): Buffer {
  if (!isHostName(host))
    throw invalid(`${JSON.stringify(host.slice(0, 80))} is neither a host name nor an address`);
  const address = findIpAddress(host);
  if (address === undefined) return der.implicit(2, Buffer.from(host.toLowerCase()));
  const digits = address.family === 4 ? 8 : 32;
  return der.implicit(7, Buffer.from(address.value.toString(16).padStart(digits, '0'), 'hex'));
}

/** Subject and key identifier are taken as they stand in the issuer's certificate. */
export function readIssuer({ cert, key }: Issued): { name: Buffer; key: KeyObject; keyId: Buffer } {
  const { certificate, privateKey } = readPair(cert, key);
  if (!certificate.ca)
    throw invalid('the certificate that should sign is not one of an authority', { code: 'bad-authority' });
  const [whole] = der.valuesOf(certificate.raw);
  const [body] = der.valuesOf(whole?.content ?? Buffer.alloc(0));
  const fields = der.valuesOf(body?.content ?? Buffer.alloc(0));
  // version [0], serial, signature, issuer, validity, subject
  const subject = fields[5];
  const list = fields.find(({ tag }) => tag === 0xa3);
  const found = der
    .valuesOf(der.valuesOf(list?.content ?? Buffer.alloc(0))[0]?.content ?? Buffer.alloc(0))
    .map(({ content }) => der.valuesOf(content))
    .find(([id]) => id?.whole.equals(der.objectId(ids.subjectKey)) === true);
  const wrapped = found?.at(-1);
  const [named] = wrapped === undefined ? [] : der.valuesOf(wrapped.content);
  if (subject === undefined)
    throw invalid('the certificate that should sign is broken', { code: 'bad-authority' });
  return {
    name: subject.whole,
    key: privateKey,
    keyId: named?.content ?? keyId(createPublicKey(privateKey)),
  };
}

function readPair(cert: string, key: string): { certificate: X509Certificate; privateKey: KeyObject } {
  try {
    const certificate = new X509Certificate(cert);
    const privateKey = createPrivateKey(key);
    if (privateKey.asymmetricKeyDetails?.namedCurve !== curve)
      throw invalid('the key of the authority is not an elliptic one (P-256)', { code: 'bad-authority' });
    if (!certificate.checkPrivateKey(privateKey))
      throw invalid('the key is not that of the certificate', { code: 'bad-authority' });
    return { certificate, privateKey };
  } catch (cause) {
    throw invalid(`the authority cannot be used: ${toSiloError(cause).message}`, {
      code: 'bad-authority',
      cause,
    });
  }
}

// oxlint-disable-next-line no-control-regex -- these are what must not be there
const hasControls = (text: string): boolean => /[\u0000-\u001f\u007f]/.test(text);

export function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
