import { InvalidCryptoExchangeError, type PeerId, type PrivateKey } from '@libp2p/interface'
import type { ICryptoInterface, KeyPair } from '@libp2p/noise'
import type { LengthPrefixedStream } from '@libp2p/utils'
import { messageOf } from '../../core/errors.ts'
import { type Dialect, otherThan } from '../dialects.ts'
import { type Proven, prove, verify } from './identity.ts'
import type { Extensions } from './payload.ts'
import { type Keys, readMessage1, type Side, writeMessage1 } from './xx.ts'

/** Bytes that one message may have: its length goes over the wire as 16 bits. */
const LONGEST_MESSAGE = 2 ** 16 - 1

/** What is the same for all handshakes of a host. */
export interface Party {
  crypto: ICryptoInterface
  prologue: Uint8Array
  staticKey: KeyPair
  privateKey: PrivateKey
  /** What it signs as when it accepts a connection. */
  dialect: Dialect
}

export interface Handshake {
  /** The messages, each with its length in front. */
  wire: LengthPrefixedStream
  extensions: Extensions
  /** Who the peer has to be, if that is known. */
  expected: PeerId | undefined
  signal: AbortSignal
}

export interface Outcome extends Proven {
  keys: Keys
}

/** Shakes hands as the side that dials: the peer signs first, and this side then signs as the peer did. */
export async function dial(party: Party, { wire, extensions, expected, signal }: Handshake): Promise<Outcome> {
  const first = writeMessage1(side(party))
  await write(wire, first.message, signal)
  const second = first.next((await wire.read({ signal })).subarray())
  const proven = await verify(second.payload, second.remoteStatic, 'libp2p', expected, { signal })
  const { privateKey, staticKey } = party
  const proof = await prove(privateKey, proven.dialect, staticKey.publicKey, extensions, { signal })
  const third = second.next(proof)
  await write(wire, third.message, signal)
  return { ...proven, keys: third.next }
}

/** Shakes hands as the side that accepts, which has to sign before it knows what the peer is. */
export async function accept(party: Party, { wire, extensions, expected, signal }: Handshake): Promise<Outcome> {
  const { dialect, privateKey, staticKey } = party
  // What may come with message 1 nobody has signed and anybody can read: other implementations pass over it, too.
  const first = readMessage1(side(party), (await wire.read({ signal })).subarray())
  const second = first.next(await prove(privateKey, dialect, staticKey.publicKey, extensions, { signal }))
  await write(wire, second.message, signal)
  const third = second.next(await answer(wire, dialect, signal))
  const proven = await verify(third.payload, third.remoteStatic, dialect, expected, { signal })
  if (proven.dialect !== dialect) {
    const peer = proven.peer.toString()
    throw new InvalidCryptoExchangeError(`noise: ${peer} signs as a ${proven.dialect} peer; ${advice(dialect)}`)
  }
  return { ...proven, keys: third.next }
}

/** Message 3. A dialler that does not accept the signature of message 2 leaves instead of sending it. */
async function answer(wire: LengthPrefixedStream, dialect: Dialect, signal: AbortSignal): Promise<Uint8Array> {
  try {
    const message = await wire.read({ signal })
    return message.subarray()
  } catch (cause) {
    const error = new InvalidCryptoExchangeError(
      `noise: the dialler left without message 3 (${messageOf(cause)}); if it is a ${otherThan(dialect)} peer that does ` +
        `not try TLS: ${advice(dialect)}`
    )
    throw Object.assign(error, { cause })
  }
}

function advice(dialect: Dialect): string {
  const other = otherThan(dialect)
  return `noise of this side accepts ${dialect} peers; the option dialect: '${other}' of createHost() takes ${other} peers`
}

function side({ crypto, prologue, staticKey }: Party): Side {
  return { crypto, prologue, staticKey, ephemeralKey: crypto.generateX25519KeyPair() }
}

async function write(wire: LengthPrefixedStream, message: Uint8Array, signal: AbortSignal): Promise<void> {
  if (message.byteLength > LONGEST_MESSAGE) {
    throw new InvalidCryptoExchangeError(`noise: a message of ${message.byteLength} bytes is too long`)
  }
  await wire.write(message, { signal })
}
