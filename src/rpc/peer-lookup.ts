import { connect } from '../conn/connect.ts'
import type { Cancellation } from '../core/cancellation.ts'
import type { Host } from '../core/host.ts'
import { identified, type KnownPeer, type PeerTarget } from '../core/peers.ts'

/** Addresses remembered; above it the memory starts anew. */
const MAX_KNOWN = 1_000

/**
 * Who answers at an address that was given without a peer id. Only a handshake tells, and libp2p would make a new
 * connection for each question: so the answer holds while its peer is connected.
 */
export class PeerLookup {
  readonly #host: Host
  readonly #connectTimeout: number
  readonly #known = new Map<string, KnownPeer>()

  constructor(host: Host, connectTimeout: number) {
    this.#host = host
    this.#connectTimeout = connectTimeout
  }

  #isConnected({ id }: KnownPeer): boolean {
    return this.#host.getConnections(id).some(({ status }) => status === 'open')
  }

  async find(target: PeerTarget, cancellation: Cancellation): Promise<KnownPeer> {
    const known = this.#known.get(target.name)
    if (known !== undefined && this.#isConnected(known)) return known
    using connecting = cancellation.part(`connecting to ${target.name}`, this.#connectTimeout)
    const { remotePeer } = await connect(this.#host, target, connecting)
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    const found = identified(target, remotePeer)
    this.#known.set(target.name, found)
    return found
  }
}
