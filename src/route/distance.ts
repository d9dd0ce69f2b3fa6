import type { PeerId } from '@libp2p/interface'

/** SHA-256, in browsers too. */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)))
}

/** What a peer is hashed to: the SHA-256 of its id's bytes, as Go PointSub does. */
export function hashPeer(peer: PeerId): Promise<Uint8Array> {
  return sha256(peer.toMultihash().bytes)
}

/** How far two hashes are from each other: their XOR, a big-endian number. */
export function distance(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0))
}

/** Orders big-endian numbers of the same length, smallest first. */
export function compareDistances(a: Uint8Array, b: Uint8Array): number {
  const i = a.findIndex((byte, at) => byte !== b[at])
  return i === -1 ? 0 : (a[i] ?? 0) - (b[i] ?? 0)
}
