import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromPublicKey } from '@libp2p/peer-id'
import { create as createDigest } from 'multiformats/hashes/digest'
import { join } from '../bytes.ts'

const SHA2_256 = 0x12
const ECDSA = 3

/** The key a peer id is made of, as a handshake needs it. */
export interface Identity {
  readonly peerId: PeerId
  /** libp2p's PublicKey message. */
  readonly protobuf: Uint8Array<ArrayBuffer>
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>
}

export async function identity(type: 'Ed25519' | 'secp256k1' | 'RSA' | 'ECDSA' = 'Ed25519'): Promise<Identity> {
  if (type === 'ECDSA') return ecdsa(generateKeyPairSync('ec', { namedCurve: 'P-256' }))
  const key = type === 'RSA' ? await generateKeyPair('RSA', 2_048) : await generateKeyPair(type)
  return {
    peerId: peerIdFromPublicKey(key.publicKey),
    protobuf: new Uint8Array(publicKeyToProtobuf(key.publicKey)),
    sign: bytes => key.sign(bytes)
  }
}

/** As the specifications have it; @libp2p/crypto 5.1 has another signature and another peer id. */
function ecdsa({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }): Identity {
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const protobuf = new Uint8Array(join(Uint8Array.of(0x08, ECDSA, 0x12, spki.byteLength), spki))
  const digest = createDigest(SHA2_256, createHash('sha256').update(protobuf).digest())
  return { protobuf, peerId: peerIdFromMultihash(digest), sign: bytes => sign('sha256', bytes, privateKey) }
}
