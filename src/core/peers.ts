import { isPeerId, type PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isMultiaddr, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { messageOf, PointSubError } from './errors.ts'

/** Whatever names a peer: a PeerId, its text, a multiaddr or its text. */
export type PeerLike = PeerId | Multiaddr | string

/** A peer as libp2p's `dial()` takes it. */
export interface PeerTarget {
  /** Unknown only when a multiaddr without `/p2p/…` was given: then the handshake tells. */
  readonly id: PeerId | undefined
  readonly dial: PeerId | Multiaddr
}

/** @throws PointSubError `ERR_INVALID_PEER` */
export function parsePeer(peer: PeerLike): PeerTarget {
  if (isPeerId(peer)) return { id: peer, dial: peer }
  if (isMultiaddr(peer)) return fromMultiaddr(peer)
  if (typeof peer !== 'string' || peer === '') {
    throw new PointSubError('ERR_INVALID_PEER', 'a peer is a PeerId, a Multiaddr, or the text of either')
  }
  try {
    if (peer.startsWith('/')) return fromMultiaddr(multiaddr(peer))
    const id = peerIdFromString(peer)
    return { id, dial: id }
  } catch (cause) {
    throw new PointSubError(
      'ERR_INVALID_PEER',
      `"${peer.slice(0, 200)}" is neither a peer id nor a multiaddr (${messageOf(cause)})`,
      { cause }
    )
  }
}

function fromMultiaddr(address: Multiaddr): PeerTarget {
  // The last one: a relayed address names the relay first.
  const text = address.getComponents().findLast(component => component.name === 'p2p')?.value
  const id = text === undefined ? undefined : peerIdFromString(text)
  // "/p2p/<id>" alone is no address to dial but a peer id.
  return {
    id,
    dial: id !== undefined && address.getComponents().length === 1 ? id : address
  }
}
