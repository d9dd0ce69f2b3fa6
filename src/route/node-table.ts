import type { PeerId } from '@libp2p/interface'
import type { KnownPeer } from '../core/peers.ts'
import { compareDistances, distance, hashPeer, sha256 } from './distance.ts'
import { NodeHealth } from './node-health.ts'

/** A peer that serves a protocol. */
export interface ServerNode {
  readonly target: KnownPeer
  readonly health: NodeHealth
  /** SHA-256 of the peer id's bytes. */
  readonly hash: Promise<Uint8Array>
}

/** The peers known to serve each protocol. */
export class NodeTable {
  readonly #protocols = new Map<string, Map<string, ServerNode>>()

  /** Adds a peer; one that is there already only gets the new addresses. */
  add(protocol: string, target: KnownPeer): void {
    const nodes = this.#protocols.get(protocol) ?? new Map<string, ServerNode>()
    this.#protocols.set(protocol, nodes)
    const key = target.id.toString()
    const { health = new NodeHealth(), hash = hashPeer(target.id) } = nodes.get(key) ?? {}
    nodes.set(key, { target, health, hash })
  }

  /** Whether it was there. */
  remove(protocol: string, peer: PeerId): boolean {
    return this.#protocols.get(protocol)?.delete(peer.toString()) ?? false
  }

  clear(protocol?: string): void {
    if (protocol === undefined) this.#protocols.clear()
    else this.#protocols.delete(protocol)
  }

  list(protocol: string): ServerNode[] {
    return [...(this.#protocols.get(protocol)?.values() ?? [])]
  }

  /** The nodes closest to a request first; those that failed lately last, closest first among themselves. */
  async closestTo(protocol: string, request: Uint8Array, now: number): Promise<ServerNode[]> {
    const hash = await sha256(request)
    const ranked = await Promise.all(
      this.list(protocol).map(async node => ({ node, distance: distance(hash, await node.hash) }))
    )
    ranked.sort((a, b) => compareDistances(a.distance, b.distance))
    const nodes = ranked.map(({ node }) => node)
    return [
      ...nodes.filter(({ health }) => !health.isSkipped(now)),
      ...nodes.filter(({ health }) => health.isSkipped(now))
    ]
  }
}
