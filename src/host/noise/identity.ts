import { publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import {
  type AbortOptions,
  InvalidCryptoExchangeError,
  type PeerId,
  type PrivateKey,
  type PublicKey,
  UnexpectedPeerError
} from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { messageOf } from '../../core/errors.ts'
import { type Dialect, otherThan } from '../dialects.ts'
import { decodePayload, type Extensions, encodePayload, type Payload } from './payload.ts'
import { join } from './symmetric-state.ts'

const text = new TextEncoder()

/** What a peer's signature of its static key says it is; all that the dialects differ in. */
const PREFIXES: Readonly<Record<Dialect, Uint8Array>> = {
  libp2p: text.encode('noise-libp2p-static-key:'),
  dep2p: text.encode('noise-dep2p-static-key:')
}

/** A payload that proves that whoever has `staticKey` is the peer of `privateKey`. */
export async function prove(
  privateKey: PrivateKey,
  dialect: Dialect,
  staticKey: Uint8Array,
  extensions: Extensions,
  options: AbortOptions
): Promise<Uint8Array> {
  const identitySig = await privateKey.sign(join(PREFIXES[dialect], staticKey), options)
  options.signal?.throwIfAborted()
  return encodePayload({ identityKey: publicKeyToProtobuf(privateKey.publicKey), identitySig, extensions })
}

export interface Proven {
  payload: Payload
  peer: PeerId
  dialect: Dialect
}

/**
 * Who has the static key that came with `payload`.
 *
 * @param preferred the dialect to try first
 * @throws UnexpectedPeerError when it is not `expected`, InvalidCryptoExchangeError when it proves nothing
 */
export async function verify(
  bytes: Uint8Array,
  staticKey: Uint8Array,
  preferred: Dialect,
  expected: PeerId | undefined,
  options: AbortOptions
): Promise<Proven> {
  const [payload, publicKey, peer] = read(bytes)
  // By id and not by key: the id of an RSA key does not contain it.
  if (expected !== undefined && !expected.equals(peer)) {
    throw new UnexpectedPeerError(`noise: expected the peer ${expected.toString()}, this is ${peer.toString()}`)
  }
  for (const dialect of [preferred, otherThan(preferred)]) {
    const isValid = await isSigned(publicKey, join(PREFIXES[dialect], staticKey), payload.identitySig, options)
    options.signal?.throwIfAborted()
    if (isValid) return { payload, peer, dialect }
  }
  throw new InvalidCryptoExchangeError('noise: the signature of the peer is not valid')
}

function read(bytes: Uint8Array): [Payload, PublicKey, PeerId] {
  try {
    const payload = decodePayload(bytes)
    const publicKey = publicKeyFromProtobuf(payload.identityKey)
    return [payload, publicKey, peerIdFromPublicKey(publicKey)]
  } catch (cause) {
    const error = new InvalidCryptoExchangeError(`noise: the payload of the peer is not valid: ${messageOf(cause)}`)
    throw Object.assign(error, { cause })
  }
}

/** Keys throw for signatures that are not even as long as theirs. */
async function isSigned(
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
  options: AbortOptions
): Promise<boolean> {
  try {
    return await key.verify(message, signature, options)
  } catch {
    return false
  }
}
