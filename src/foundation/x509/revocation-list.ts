import { hash, sign, verify, X509Certificate } from 'node:crypto';
import { invalid } from '../base/errors.ts';
import { signature as ownSignature, type Issued, pem, readIssuer } from './certificate.ts';
import * as der from './der.ts';

/** A certificate that is no longer believed. */
export interface Revoked {
  /** Hexadecimal, as certificates show it. */
  serial: string;
  at: Date;
}

export interface RevocationList {
  revoked: readonly Revoked[];
  from: Date;
  /** When the next one should be there. */
  to: Date | undefined;
}

const ids = { authorityKey: '2.5.29.35', listNumber: '2.5.29.20' };
/** What an authority may sign lists with; the rest is refused. */
const algorithms: readonly (readonly [id: string, digest: string | null])[] = [
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.3.101.112', null],
];
const digests: ReadonlyMap<string, string | null> = new Map(
  algorithms.map(([id, digest]) => [der.objectId(id).toString('hex'), digest]),
);
const mostBytes = 8 << 20;

/** Makes a list of revoked certificates (RFC 5280, section 5), PEM. */
export function issueRevocationList({ revoked, from, to }: RevocationList, issuer: Issued): string {
  const signer = readIssuer(issuer);
  const body = der.sequence(
    der.integer(Buffer.from([1])),
    ownSignature,
    signer.name,
    der.time(from),
    ...(to === undefined ? [] : [der.time(to)]),
    ...(revoked.length === 0
      ? []
      : [
          der.sequence(
            ...revoked.map(({ serial, at }) => der.sequence(der.integer(bytesOf(serial)), der.time(at))),
          ),
        ]),
    der.explicit(
      0,
      der.sequence(
        extension(ids.authorityKey, der.sequence(der.implicit(0, signer.keyId))),
        // Later lists have higher numbers.
        extension(ids.listNumber, der.integer(bytesOf(from.getTime().toString(16)))),
      ),
    ),
  );
  const signed = sign('sha256', body, { key: signer.key, dsaEncoding: 'der' });
  return pem('X509 CRL', der.sequence(body, ownSignature, der.bits(signed)));
}

/** Lists of one file, each by an authority of the other. Kind `invalid` when one is not whole, not signed by one of them, or says what is not understood. */
export function readRevocationLists(lists: string, authorities: string): SignedList[] {
  const blocks = blocksOf(lists, 'X509 CRL');
  if (blocks.length === 0) throw wrong('it holds none');
  const known = blocksOf(authorities, 'CERTIFICATE').map((bytes) => new X509Certificate(bytes));
  return blocks.map((bytes) => {
    try {
      return readList(bytes, known);
    } catch (cause) {
      if (cause instanceof RangeError) throw wrong('its bytes end early', cause);
      throw cause;
    }
  });
}

export interface SignedList extends RevocationList {
  /** Digest of the name of the authority, for `revocationName`. */
  issuer: string;
}

/** What a certificate is called among revoked ones: by the name of its issuer and its own number. */
export function revocationName(certificate: Buffer): string {
  const [whole] = der.valuesOf(certificate);
  const [body] = der.valuesOf(whole?.content ?? Buffer.alloc(0));
  const fields = der.valuesOf(body?.content ?? Buffer.alloc(0));
  // version [0] (absent in version 1), serial, signature, issuer
  const at = fields[0]?.tag === 0xa0 ? 1 : 0;
  const [serial, issuer] = [fields[at], fields[at + 2]];
  if (serial?.tag !== 0x02 || issuer === undefined) throw new RangeError('it is no certificate');
  return nameOf(hash('sha256', issuer.whole), serial.content.toString('hex'));
}

/** The names of all that these lists hold. */
export const revokedNames = (lists: readonly SignedList[]): ReadonlySet<string> =>
  new Set(lists.flatMap(({ issuer, revoked }) => revoked.map(({ serial }) => nameOf(issuer, serial))));

const nameOf = (issuer: string, serial: string): string => `${issuer} ${canonicalSerial(serial)}`;

/** Without needless zeros, in small letters. */
export const canonicalSerial = (serial: string): string => BigInt(`0x${serial}`).toString(16);

function readList(bytes: Buffer, authorities: readonly X509Certificate[]): SignedList {
  const [whole, behind] = der.valuesOf(bytes);
  if (whole?.tag !== 0x30 || behind) throw wrong('it is none');
  const [body, algorithm, signature, further] = der.valuesOf(whole.content);
  const isSigned = signature?.tag === 0x03 && signature.content[0] === 0;
  if (body?.tag !== 0x30 || !algorithm || !isSigned || further) throw wrong('it is none');
  const fields = der.valuesOf(body.content);
  const rest = fields[0]?.tag === 0x02 ? fields.slice(1) : fields;
  const [inner, issuer, from, ...more] = rest;
  if (!inner || !issuer || !from || !inner.whole.equals(algorithm.whole)) throw wrong('it is none');
  const to = more[0] && isTime(more[0]) ? more.shift() : undefined;
  const entries = more[0]?.tag === 0x30 ? more.shift() : undefined;
  const extensions = more.shift();
  if (more.length > 0 || (extensions && extensions.tag !== 0xa0)) throw wrong('it is none');

  const [id] = der.valuesOf(algorithm.content);
  const digest = digests.get(id?.whole.toString('hex') ?? '');
  if (digest === undefined) throw wrong('it is signed in a way that is not supported');
  const signer = authorities.find(
    (authority) =>
      subjectOf(authority).equals(issuer.whole) &&
      verify(digest, body.whole, authority.publicKey, signature.content.subarray(1)),
  );
  if (!signer) throw wrong('none of the authorities has signed it');
  refuseCritical(extensions ? der.valuesOf(extensions.content)[0] : undefined);
  return {
    issuer: hash('sha256', issuer.whole),
    from: dateOf(from),
    to: to && dateOf(to),
    revoked: der.valuesOf(entries?.content ?? Buffer.alloc(0)).map(({ content }) => {
      const [serial, at, own] = der.valuesOf(content);
      if (serial?.tag !== 0x02 || at === undefined) throw wrong('an entry is none');
      refuseCritical(own);
      return { serial: canonicalSerial(serial.content.toString('hex')), at: dateOf(at) };
    }),
  };
}

/** A list that holds for some certificates only, or beside another list, says so in a way that must be understood. */
function refuseCritical(extensions: der.DerValue | undefined): void {
  for (const { content } of der.valuesOf(extensions?.content ?? Buffer.alloc(0)))
    if (der.valuesOf(content).some(({ tag, content: value }) => tag === 0x01 && value[0] !== 0))
      throw wrong('it is of a kind that is not supported (a critical extension)');
}

function subjectOf(certificate: X509Certificate): Buffer {
  const [whole] = der.valuesOf(certificate.raw);
  const [body] = der.valuesOf(whole?.content ?? Buffer.alloc(0));
  const fields = der.valuesOf(body?.content ?? Buffer.alloc(0));
  return fields[fields[0]?.tag === 0xa0 ? 5 : 4]?.whole ?? Buffer.alloc(0);
}

const isTime = ({ tag }: der.DerValue): boolean => tag === 0x17 || tag === 0x18;

/** UTCTime and GeneralizedTime as certificates have them: RFC 5280 section 4.1.2.5. */
function dateOf(value: der.DerValue): Date {
  const text = value.content.toString('latin1');
  const full = value.tag === 0x17 ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  if (!isTime(value) || parts === null) throw wrong('a date in it is none');
  const [, year, month, day, hour, minute, second] = parts;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

const extension = (id: string, value: Buffer): Buffer => der.sequence(der.objectId(id), der.octets(value));

const bytesOf = (hex: string): Buffer => Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');

function blocksOf(text: string, label: string): Buffer[] {
  if (text.length > mostBytes) throw wrong(`it has more than ${mostBytes} bytes`);
  const blocks = text.matchAll(
    new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g'),
  );
  return [...blocks].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
}

const wrong = (why: string, cause?: unknown): Error =>
  invalid(`the list of revoked certificates cannot be used: ${why}`, {
    code: 'bad-revocation-list',
    hint: '`silo tls revoke` makes one with the authority beside it',
    ...(cause === undefined ? {} : { cause }),
  });
