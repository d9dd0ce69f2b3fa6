import type { Connection, IdentifyResult } from '@libp2p/interface'
import type { Host } from '../core/host.ts'
import { idOf, type Wire } from '../core/wire.ts'

interface Known {
  readonly connection: Connection
  /** What the peer says it serves. */
  identified: ReadonlySet<string> | undefined
  /** What opening a stream has shown, since it said so. */
  readonly tried: Map<string, Wire>
}

/**
 * On which wire each peer serves a protocol, as far as it is known: from what the peer says by identify, and from what
 * streams of it have shown. Forgotten with the connection, for the peer may come back with another version.
 */
export class WireKnowledge {
  readonly #host: Host
  /** By the id of the connection: a host with faults has other objects for the same one. */
  readonly #known = new Map<string, Known>()

  constructor(host: Host) {
    this.#host = host
    host.addEventListener?.('peer:identify', this.#onIdentify)
  }

  /** The best wire that the peer has; undefined when that has to be tried. */
  get(connection: Connection, protocol: string): Wire | undefined {
    const known = this.#known.get(connection.id)
    const tried = known?.tried.get(protocol)
    if (tried !== undefined) return tried
    if (known?.identified?.has(idOf(protocol, 'mux')) === true) return 'mux'
    return known?.identified?.has(protocol) === true ? 'plain' : undefined
  }

  learn(connection: Connection, protocol: string, wire: Wire): void {
    this.#of(connection)?.tried.set(protocol, wire)
  }

  /** What was known did not hold. */
  forget(connection: Connection, protocol: string): void {
    const known = this.#of(connection)
    known?.tried.delete(protocol)
    if (known !== undefined) known.identified = undefined
  }

  close(): void {
    this.#host.removeEventListener?.('peer:identify', this.#onIdentify)
    this.#known.clear()
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const known = this.#of(detail.connection)
    if (known === undefined) return
    known.identified = new Set(detail.protocols)
    known.tried.clear()
  }

  #of(connection: Connection): Known | undefined {
    const { id, status } = connection
    const known = this.#known.get(id)
    if (known !== undefined || status !== 'open') return known
    this.#forgetClosed()
    const fresh: Known = { connection, identified: undefined, tried: new Map() }
    this.#known.set(id, fresh)
    return fresh
  }

  /** With each new connection, for a listener on each would outlive the client that it was for. */
  #forgetClosed(): void {
    for (const [id, { connection }] of this.#known) if (connection.status !== 'open') this.#known.delete(id)
  }
}
