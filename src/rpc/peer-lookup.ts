import { connect } from '../conn/connect.ts'
import { Cancellation } from '../core/cancellation.ts'
import type { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { identified, type KnownPeer, type PeerTarget } from '../core/peers.ts'

/** Addresses remembered; above it the memory starts anew. */
const MAX_KNOWN = 1_000

interface Lookup {
  found: Promise<KnownPeer>
  cancellation: Cancellation
  callers: number
}

/**
 * Who answers at an address that was given without a peer id. Only a handshake tells, and libp2p would make a new
 * connection for each question: so calls at the same time share one, and the answer holds while its peer is connected.
 */
export class PeerLookup {
  readonly #host: Host
  readonly #connectTimeout: number
  readonly #known = new Map<string, KnownPeer>()
  readonly #pending = new Map<string, Lookup>()

  constructor(host: Host, connectTimeout: number) {
    this.#host = host
    this.#connectTimeout = connectTimeout
  }

  async find(target: PeerTarget, cancellation: Cancellation): Promise<KnownPeer> {
    const known = this.#known.get(target.name)
    if (known !== undefined && this.#isConnected(known)) return known
    const lookup = this.#pending.get(target.name) ?? this.#start(target)
    lookup.callers += 1
    const { promise, reject } = Promise.withResolvers<never>()
    const takeBack = cancellation.onCancel(reject)
    try {
      return await Promise.race([lookup.found, promise])
    } finally {
      takeBack()
      lookup.callers -= 1
      if (lookup.callers === 0 && cancellation.reason !== undefined) this.#giveUp(target, lookup, cancellation.reason)
    }
  }

  /** Ends every lookup. */
  close(reason: PointSubError): void {
    for (const { cancellation } of this.#pending.values()) cancellation.cancel(reason)
  }

  #isConnected({ id }: KnownPeer): boolean {
    return this.#host.getConnections(id).some(({ status }) => status === 'open')
  }

  #start(target: PeerTarget): Lookup {
    const cancellation = new Cancellation({ timeout: this.#connectTimeout }, `connecting to ${target.name}`)
    const lookup: Lookup = { found: this.#connect(target, cancellation), cancellation, callers: 0 }
    this.#pending.set(target.name, lookup)
    const forget = (): void => {
      cancellation[Symbol.dispose]()
      if (this.#pending.get(target.name) === lookup) this.#pending.delete(target.name)
    }
    lookup.found.then(forget, forget)
    return lookup
  }

  async #connect(target: PeerTarget, cancellation: Cancellation): Promise<KnownPeer> {
    const { remotePeer } = await connect(this.#host, target, cancellation)
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    const known = identified(target, remotePeer)
    this.#known.set(target.name, known)
    return known
  }

  #giveUp(target: PeerTarget, lookup: Lookup, reason: PointSubError): void {
    this.#pending.delete(target.name)
    lookup.cancellation.cancel(reason)
  }
}
