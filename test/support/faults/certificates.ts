import { webcrypto } from 'node:crypto'
import type { PeerId } from '@libp2p/interface'
import { Extension, X509CertificateGenerator } from '../../../src/host/tls/x509.ts'
import { bytesOf, join } from '../bytes.ts'
import { type Identity, identity as makeIdentity } from './identities.ts'

/** The libp2p Public Key Extension, and one that nobody knows. */
const LIBP2P_EXTENSION = '1.3.6.1.4.1.53594.1.1'
const UNKNOWN_EXTENSION = '1.3.6.1.4.1.53594.99.7'

const HOUR = 60 * 60 * 1_000

type CertificateKey = 'P-256' | 'P-384' | 'Ed25519' | 'RSA'

const ALGORITHMS: Readonly<Record<CertificateKey, { name: string; [parameter: string]: unknown }>> = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  Ed25519: { name: 'Ed25519' },
  RSA: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1)
  }
}

type Bytes = Uint8Array<ArrayBuffer>

/** What a certificate has that libp2p's own would not have. */
export interface Change {
  /** Whom it names. A new Ed25519 key by default. */
  identity?: Identity
  /** Who signs the extension, in place of `identity`. */
  signer?: Identity
  /** What is signed before the certificate's key. */
  prefix?: string
  /** The public key of the host as it stands in the extension. */
  hostKey?: (protobuf: Bytes) => Bytes
  hostSignature?: (signature: Bytes) => Bytes
  /** The SignedKey as a whole, in place of a sequence of two octet strings. */
  signedKey?: (hostKey: Bytes, signature: Bytes) => Bytes
  /** All extensions, in place of the one. */
  extensions?: (value: Bytes) => Extension[]
  /** Milliseconds from now. */
  notBefore?: number
  notAfter?: number
  /** Whether another key than the certificate's own has signed it. */
  signedByAnother?: boolean
  algorithm?: CertificateKey
  /** Changes the finished certificate. */
  der?: (certificate: Bytes) => Bytes
  /** Certificates sent behind it: strangers, or its own issuer by name. */
  more?: { count: number; sameName?: boolean }
}

/** A certificate and its key, as node:tls takes them. */
export interface Forged {
  readonly cert: string
  readonly key: string
  readonly der: Bytes
  readonly peerId: PeerId
}

export function der(tag: number, ...parts: Uint8Array[]): Bytes {
  const body = join(...parts)
  const { byteLength: length } = body
  if (length < 0x80) return Uint8Array.of(tag, length, ...body)
  return new Uint8Array(Buffer.concat([Uint8Array.of(tag, 0x83, length >>> 16, length >>> 8, length), body]))
}

export const sequence = (...parts: Uint8Array[]): Bytes => der(0x30, ...parts)
export const octets = (bytes: Uint8Array): Bytes => der(0x04, bytes)
export const flipLast = (bytes: Bytes): Bytes => bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte))

/** The extension that belongs into the certificate. */
export const ours = (value: Bytes, critical = true): Extension => new Extension(LIBP2P_EXTENSION, critical, value)
/** One that no implementation knows. */
export const unknown = (critical: boolean, value: Bytes = octets(bytesOf('what?'))): Extension =>
  new Extension(UNKNOWN_EXTENSION, critical, value)

function keysOf(algorithm: CertificateKey): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHMS[algorithm], true, ['sign', 'verify']) as Promise<CryptoKeyPair>
}

async function extensionValue(change: Change, identity: Identity, spki: Uint8Array): Promise<Bytes> {
  const { signer = identity, prefix = 'libp2p-tls-handshake:', hostKey, hostSignature, signedKey } = change
  const { protobuf } = identity
  const signature = new Uint8Array(await signer.sign(join(bytesOf(prefix), spki)))
  const compose = signedKey ?? ((key: Bytes, signed: Bytes) => sequence(octets(key), octets(signed)))
  return compose(hostKey?.(protobuf) ?? protobuf, hostSignature?.(signature) ?? signature)
}

/** A certificate as libp2p wants it, but for the change. */
export async function forge(change: Change = {}): Promise<Forged> {
  const { algorithm = 'P-256', extensions = (value: Bytes) => [ours(value)], more } = change
  const identity = change.identity ?? (await makeIdentity())
  const keys = await keysOf(algorithm)
  const signingKey = change.signedByAnother === true ? (await keysOf(algorithm)).privateKey : keys.privateKey
  const spki = new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey))
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: '0123456789abcdef',
      subject: 'CN=forged',
      issuer: 'CN=forged',
      notBefore: wholeSecond(change.notBefore ?? -HOUR),
      notAfter: wholeSecond(change.notAfter ?? HOUR),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: ALGORITHMS[algorithm],
      extensions: extensions(await extensionValue(change, identity, spki))
    },
    webcrypto as Crypto
  )
  const raw = new Uint8Array(certificate.rawData)
  const bytes = change.der?.(raw) ?? raw
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    cert: [bytes, ...(await strangers(more))].map(each => pem('CERTIFICATE', each)).join(''),
    key: pem('PRIVATE KEY', new Uint8Array(pkcs8)),
    der: bytes,
    peerId: identity.peerId
  }
}

async function strangers(more: Change['more']): Promise<Uint8Array[]> {
  if (more === undefined) return []
  const keys = await keysOf('P-256')
  const name = more.sameName === true ? 'CN=forged' : 'CN=stranger'
  const certificate = await X509CertificateGenerator.createSelfSigned(
    { serialNumber: '01', name, keys, signingAlgorithm: ALGORITHMS['P-256'] },
    webcrypto as Crypto
  )
  return Array.from({ length: more.count }, () => new Uint8Array(certificate.rawData))
}

/** X.509 knows no milliseconds. */
function wholeSecond(fromNow: number): Date {
  return new Date(Math.floor((Date.now() + fromNow) / 1_000) * 1_000)
}

function pem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .replaceAll(/.{1,64}/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`
}
