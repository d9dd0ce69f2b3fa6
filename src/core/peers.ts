import { isPeerId, type PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isMultiaddr, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { messageOf, PointSubError } from './errors.ts'

/** Whatever names a peer: a PeerId, its text, a multiaddr, its text, or several multiaddrs of one peer. */
export type PeerLike = PeerId | Multiaddr | readonly Multiaddr[] | string

/** A peer as libp2p's `dial()` takes it. */
export interface PeerTarget {
  /** Unknown only when a multiaddr without `/p2p/…` was given: then the handshake tells, and {@link identified} notes. */
  readonly id: PeerId | undefined
  readonly dial: PeerId | Multiaddr[]
  /** For error messages. */
  readonly name: string
}

/** Parsing a text takes as long as the rest of a call, and callers use the same few again and again. */
const parsedTexts = new Map<string, PeerTarget>()
const MAX_PARSED_TEXTS = 1_000

/** @throws PointSubError `ERR_INVALID_PEER` */
export function parsePeer(peer: PeerLike): PeerTarget {
  if (isPeerId(peer)) return fromPeerId(peer)
  if (isMultiaddr(peer)) return fromMultiaddrs([peer])
  if (Array.isArray(peer) && peer.length > 0 && peer.every(isMultiaddr)) return fromMultiaddrs(peer)
  if (typeof peer !== 'string' || peer === '') {
    throw new PointSubError(
      'ERR_INVALID_PEER',
      'a peer is a PeerId, a Multiaddr, the text of either, or a list of Multiaddrs that is not empty'
    )
  }
  const known = parsedTexts.get(peer)
  if (known !== undefined) return known
  try {
    const target = peer.startsWith('/') ? fromMultiaddrs([multiaddr(peer)]) : fromPeerId(peerIdFromString(peer))
    if (parsedTexts.size >= MAX_PARSED_TEXTS) parsedTexts.clear()
    parsedTexts.set(peer, target)
    return target
  } catch (cause) {
    if (cause instanceof PointSubError) throw cause
    throw new PointSubError(
      'ERR_INVALID_PEER',
      `"${peer.slice(0, 200)}" is neither a peer id nor a multiaddr (${messageOf(cause)})`,
      { cause }
    )
  }
}

/** A target whose peer is known. */
export type KnownPeer = PeerTarget & { readonly id: PeerId }

/** @throws PointSubError `ERR_INVALID_PEER`, also for an address without a peer id */
export function parseKnownPeer(peer: PeerLike): KnownPeer {
  const target = parsePeer(peer)
  if (isKnown(target)) return target
  throw new PointSubError('ERR_INVALID_PEER', `${target.name} does not say which peer it is: add /p2p/PEER-ID`)
}

export function isKnown(target: PeerTarget): target is KnownPeer {
  return target.id !== undefined
}

/** The target with what the handshake has told, so that libp2p finds its connection again. */
export function identified(target: PeerTarget, id: PeerId): KnownPeer {
  const addresses = isPeerId(target.dial) ? [] : target.dial
  return { id, dial: addresses.map(address => address.encapsulate(`/p2p/${id.toString()}`)), name: target.name }
}

function fromPeerId(id: PeerId): PeerTarget {
  return { id, dial: id, name: id.toString() }
}

function fromMultiaddrs(addresses: readonly Multiaddr[]): PeerTarget {
  const ids = new Set(addresses.map(idOf))
  if (ids.size > 1) {
    throw new PointSubError('ERR_INVALID_PEER', `these addresses are of different peers: ${addresses.join(', ')}`)
  }
  if (addresses.some(address => address.getComponents().length === 0)) {
    throw new PointSubError('ERR_INVALID_PEER', 'an empty multiaddr names no peer')
  }
  const [text] = ids
  const name = addresses.join(', ')
  if (text === undefined) return { id: undefined, dial: [...addresses], name }
  const id = peerIdFromString(text)
  // "/p2p/<id>" alone is no address to dial but a peer id.
  const dialable = addresses.filter(address => address.getComponents().length > 1)
  return dialable.length === 0 ? fromPeerId(id) : { id, dial: dialable, name }
}

/** The peer an address ends at, which is not the relay that a relayed one leads through. */
function idOf(address: Multiaddr): string | undefined {
  const components = address.getComponents()
  const relayed = components.findLastIndex(component => component.name === 'p2p-circuit')
  return components.findLast((component, index) => index > relayed && component.name === 'p2p')?.value
}
