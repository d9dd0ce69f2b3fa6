import type { MultiaddrConnection } from '@libp2p/interface'
import type { ICryptoInterface, KeyPair } from '@libp2p/noise'
import { defaultCrypto } from '@libp2p/noise/crypto'
import { type LengthPrefixedStream, lpStream } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { type Keys, readMessage1, type Side, writeMessage1 } from '../../src/host/noise/xx.ts'

/** What a peer that does not keep to the rules sends in place of what it should. */
export interface Forgery {
  crypto?: ICryptoInterface
  staticKey?: KeyPair
  ephemeralKey?: KeyPair
  /** In message 1, where nobody looks. */
  early?: Uint8Array
  /** The payload of message 2 or 3, for the forger's static key. */
  payload?: (staticKey: Uint8Array) => Uint8Array | Promise<Uint8Array>
  /** What goes over the wire as message 1, 2 or 3. */
  message?: (number: number, message: Uint8Array) => Uint8Array
}

const NOTHING = new Uint8Array(0)

/** As @libp2p/utils wants them: with the number of bytes that a length takes. */
const uint16 = Object.assign((value: number) => Uint8Array.of(value >>> 8, value), { bytes: 2 })
const readUint16 = Object.assign(
  (bytes: Uint8ArrayList) => {
    if (bytes.byteLength < 2) throw new RangeError('more bytes are needed')
    return bytes.getUint16(0)
  },
  { bytes: 2 }
)

function framed(connection: MultiaddrConnection): LengthPrefixedStream {
  return lpStream(connection, { lengthEncoder: uint16, lengthDecoder: readUint16, maxDataLength: 2 ** 16 - 1 })
}

function side({ crypto = defaultCrypto, staticKey, ephemeralKey }: Forgery): Side {
  return {
    crypto,
    prologue: NOTHING,
    staticKey: staticKey ?? crypto.generateX25519KeyPair(),
    ephemeralKey: ephemeralKey ?? crypto.generateX25519KeyPair()
  }
}

/** Shakes hands as the side that dials, without looking at who the other one is. */
export async function forgeDial(connection: MultiaddrConnection, forgery: Forgery): Promise<Keys> {
  const { payload = () => NOTHING, message = (_, written) => written, early } = forgery
  const [wire, own] = [framed(connection), side(forgery)]
  const first = writeMessage1(own, early)
  await wire.write(message(1, first.message))
  const second = first.next((await wire.read()).subarray())
  const third = second.next(await payload(own.staticKey.publicKey))
  await wire.write(message(3, third.message))
  wire.unwrap()
  return third.next
}

/** Sends message 2 as the side that accepts, and does not wait for message 3. */
export async function forgeAccept(connection: MultiaddrConnection, forgery: Forgery): Promise<void> {
  const { payload = () => NOTHING, message = (_, written) => written } = forgery
  const [wire, own] = [framed(connection), side(forgery)]
  const first = readMessage1(own, (await wire.read()).subarray())
  const second = first.next(await payload(own.staticKey.publicKey))
  await wire.write(message(2, second.message))
}

/** The points of Curve25519 that make every shared secret zero, in all forms that are not reduced either. */
export const LOW_ORDER: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
]

/** A crypto that lets such points pass, as plain RFC 7748 does: every secret with them is zero. */
export const LAX_CRYPTO: ICryptoInterface = {
  ...defaultCrypto,
  generateX25519SharedKey: (mine, theirs) => {
    try {
      return defaultCrypto.generateX25519SharedKey(mine, theirs)
    } catch {
      return ZERO
    }
  }
}

const ZERO = new Uint8Array(32)
/** Stands for a secret of zero on the forger's side, which runs the code that refuses one. */
const HIDDEN_ZERO = new Uint8Array(32).fill(0xff)

/** Who has such a point as its key knows every secret: zero. */
const WEAK_CRYPTO: ICryptoInterface = {
  ...defaultCrypto,
  generateX25519SharedKey: (mine, theirs) =>
    mine.byteLength === 0 ? HIDDEN_ZERO : defaultCrypto.generateX25519SharedKey(mine, theirs),
  getHKDF: (key, secret) => defaultCrypto.getHKDF(key, secret === HIDDEN_ZERO ? ZERO : secret)
}

/** A forger with such a point as one of its keys. */
export function weakForgery(which: 'staticKey' | 'ephemeralKey', point: string): Forgery {
  const publicKey = new Uint8Array(Buffer.from(point, 'hex'))
  return { crypto: WEAK_CRYPTO, [which]: { publicKey, privateKey: NOTHING } }
}
