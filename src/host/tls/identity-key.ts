import { createPublicKey, hash, verify } from 'node:crypto'
import { publicKeyFromProtobuf } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromPublicKey } from '@libp2p/peer-id'
import { create as createDigest } from 'multiformats/hashes/digest'

/** The key that a peer id stands for. */
export interface IdentityKey {
  readonly peer: PeerId
  verify(bytes: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>
}

/** The protobuf of an ECDSA key begins so: field 1, the type, is 3; field 2, the key, follows. */
const ECDSA = Buffer.from([0x08, 0x03, 0x12])
/** The code of SHA-256 among multihashes. */
const SHA2_256 = 0x12

/** @param protobuf libp2p's PublicKey message */
export function readIdentityKey(protobuf: Uint8Array): IdentityKey {
  if (ECDSA.equals(protobuf.subarray(0, ECDSA.byteLength))) return readEcdsaKey(protobuf)
  const key = publicKeyFromProtobuf(protobuf)
  return { peer: peerIdFromPublicKey(key), verify: (bytes, signature) => key.verify(bytes, signature) }
}

/** @libp2p/crypto 5.1 reads none of these, which other libp2p have: a SubjectPublicKeyInfo, and SHA-256 as its hash. */
function readEcdsaKey(protobuf: Uint8Array): IdentityKey {
  const [low = 0, high = 0] = protobuf.subarray(ECDSA.byteLength)
  const [length, start] = low < 0x80 ? [low, 4] : [(low & 0x7f) | (high << 7), 5]
  if (protobuf.byteLength !== start + length) throw new Error('its length is not what it says')
  const key = createPublicKey({ key: Buffer.from(protobuf.subarray(start)), format: 'der', type: 'spki' })
  if (key.asymmetricKeyType !== 'ec') throw new Error('it is not an ECDSA key')
  return {
    peer: peerIdFromMultihash(createDigest(SHA2_256, hash('sha256', protobuf, 'buffer'))),
    verify: (bytes, signature) => verify('sha256', bytes, key, signature)
  }
}
