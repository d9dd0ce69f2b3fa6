import { bytesOf, join, KIB, MIB } from '../bytes.ts'
import { type Change, der, flipLast, forge, octets, ours, sequence, unknown } from './certificates.ts'
import { identity } from './identities.ts'
import type { TlsOffer } from './tls-attack.ts'

/** What a peer offers in TLS, and whether only one side can offer it. */
interface Offer {
  readonly name: string
  readonly offer: () => Promise<TlsOffer>
  readonly only?: 'client' | 'server'
}

const certificate = (name: string, change: () => Change | Promise<Change>, offered: TlsOffer = {}): Offer => ({
  name,
  offer: async () => ({ certificate: await forge(await change()), ...offered })
})

const terms = (name: string, offered: TlsOffer, only?: 'client' | 'server'): Offer => ({
  name,
  offer: async () => ({ certificate: await forge(), ...offered }),
  ...(only === undefined ? {} : { only })
})

const HOUR = 60 * 60 * 1_000

/** As go-dep2p signs. */
const DEP2P: Change = { prefix: 'dep2p-tls-handshake:' }

/** What the libp2p TLS specification allows. */
export const GOOD_OFFERS: readonly Offer[] = [
  certificate('a certificate as libp2p makes them', () => ({})),
  certificate('an extension that is not critical', () => ({ extensions: value => [ours(value, false)] })),
  certificate('an unknown extension, not critical, behind libp2p’s', () => ({
    extensions: value => [ours(value), unknown(false)]
  })),
  certificate('an unknown extension, not critical, before libp2p’s', () => ({
    extensions: value => [unknown(false), ours(value)]
  })),
  certificate('an unknown extension of 16 KiB, not critical', () => ({
    extensions: value => [ours(value), unknown(false, octets(new Uint8Array(16 * KIB)))]
  })),
  certificate('a P-384 certificate', () => ({ algorithm: 'P-384' })),
  certificate('an Ed25519 certificate', () => ({ algorithm: 'Ed25519' })),
  certificate('an RSA certificate', () => ({ algorithm: 'RSA' })),
  certificate('a secp256k1 host key', async () => ({ identity: await identity('secp256k1') })),
  certificate('an ECDSA host key', async () => ({ identity: await identity('ECDSA') })),
  certificate('an RSA host key', async () => ({ identity: await identity('RSA') })),
  certificate('a certificate that became valid just now', () => ({ notBefore: -1_000 })),
  certificate('a certificate for the next hundred years', () => ({ notAfter: 100 * 365 * 24 * HOUR })),
  terms('no ALPN, which is not for proving anything', { alpn: [] }),
  terms('no word about its muxers in ALPN', { alpn: ['libp2p'] }),
  terms('muxers we do not have in ALPN', { alpn: ['/mplex/6.7.0', 'libp2p'] }, 'client'),
  certificate('a certificate as dep2p makes them', () => DEP2P, { alpn: ['/yamux/1.0.0', 'dep2p'] }),
  certificate('a certificate of dep2p, no word about muxers', () => DEP2P, { alpn: ['dep2p'] }),
  terms('a server name', { servername: 'example.com' }, 'client')
]

/** What it says must be refused, and what cannot be a certificate of libp2p. */
export const BAD_OFFERS: readonly Offer[] = [
  certificate('an expired certificate', () => ({ notBefore: -2 * HOUR, notAfter: -1_000 })),
  certificate('a certificate not valid yet', () => ({ notBefore: HOUR, notAfter: 2 * HOUR })),
  certificate('a certificate signed by another key', () => ({ signedByAnother: true })),
  certificate('a broken self-signature', () => ({ der: flipLast })),
  certificate('no extension', () => ({ extensions: () => [] })),
  certificate('another extension only', () => ({ extensions: value => [unknown(false, value)] })),
  certificate('an unknown critical extension', () => ({ extensions: value => [ours(value), unknown(true)] })),
  certificate('an unknown critical extension before libp2p’s', () => ({
    extensions: value => [unknown(true), ours(value)]
  })),
  certificate('the extension twice', () => ({ extensions: value => [ours(value), ours(value)] })),
  certificate('an empty extension', () => ({ signedKey: () => new Uint8Array(0) })),
  certificate('garbage for an extension', () => ({ signedKey: () => new Uint8Array(100).fill(0xa5) })),
  certificate('an empty SignedKey', () => ({ signedKey: () => sequence() })),
  certificate('a SignedKey without signature', () => ({ signedKey: key => sequence(octets(key)) })),
  certificate('a SignedKey of three', () => ({
    signedKey: (key, signature) => sequence(octets(key), octets(signature), octets(signature))
  })),
  certificate('a SignedKey of strings', () => ({
    signedKey: (key, signature) => sequence(der(0x0c, key), der(0x0c, signature))
  })),
  certificate('trailing data behind the SignedKey', () => ({
    signedKey: (key, signature) => new Uint8Array(join(sequence(octets(key), octets(signature)), bytesOf('more')))
  })),
  certificate('a SignedKey cut short', () => ({
    signedKey: (key, signature) => sequence(octets(key), octets(signature)).slice(0, -1)
  })),
  certificate('a SignedKey that claims 4 GiB', () => ({
    signedKey: key => Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, ...octets(key))
  })),
  certificate('a broken signature in the extension', () => ({ hostSignature: flipLast })),
  certificate('an empty signature in the extension', () => ({ hostSignature: () => new Uint8Array(0) })),
  certificate('the signature of another host', async () => ({ signer: await identity() })),
  certificate('a signature for another purpose', () => ({ prefix: 'libp2p-other-handshake:' })),
  // Towards a host that dials it is no mismatch yet: that one dials again as dep2p does.
  { ...certificate('the signature of a dep2p peer', () => DEP2P), only: 'client' },
  certificate('the signature of a dep2p peer, ALPN of libp2p only', () => DEP2P, { alpn: ['libp2p'] }),
  { ...certificate('the signature of a dep2p peer and no ALPN', () => DEP2P, { alpn: [] }), only: 'client' },
  certificate('the signature of a libp2p peer, ALPN of dep2p only', () => ({}), { alpn: ['dep2p'] }),
  certificate('a host key that is no protobuf', () => ({ hostKey: () => new Uint8Array(40).fill(0xff) })),
  certificate('a host key of no known type', () => ({ hostKey: key => key.with(1, 9) })),
  certificate('a host key that is too short', () => ({ hostKey: key => key.slice(0, -1).with(3, key.length - 5) })),
  certificate('an empty host key', () => ({ hostKey: () => new Uint8Array(0) })),
  certificate('a second certificate', () => ({ more: { count: 1 } })),
  certificate('a second certificate that bears the same name', () => ({ more: { count: 1, sameName: true } })),
  certificate('100 certificates', () => ({ more: { count: 100 } })),
  certificate('50 KiB behind the SignedKey', () => ({
    signedKey: (key, signature) =>
      new Uint8Array(join(sequence(octets(key), octets(signature)), new Uint8Array(50 * KIB)))
  })),
  certificate('an extension of 1 MiB', () => ({
    extensions: value => [ours(value), unknown(false, octets(new Uint8Array(MIB)))]
  })),
  terms('no certificate', { certificate: undefined }, 'client'),
  terms('TLS 1.2', { version: 'TLSv1.2' }),
  terms('another protocol in ALPN', { alpn: ['h2'] }),
  terms('a muxer we do not have and no libp2p in ALPN', { alpn: ['/mplex/6.7.0'] })
]
