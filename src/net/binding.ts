import { randomInt } from 'node:crypto'
import type { Conn } from '../conn/conn.ts'
import { handleConns } from '../conn/listen.ts'
import type { Host } from '../core/host.ts'
import { EPHEMERAL_PORTS, FIRST_EPHEMERAL_PORT, portOfProtocol, protocolOfPort } from './addresses.ts'
import type { ListenTarget } from './targets.ts'

/** The protocols servers have bound on a host. */
interface Claims {
  readonly bound: Set<string>
  /** Those that are being given back; they can be bound anew after that. */
  readonly leaving: Map<string, Promise<void>>
}

const claimsOf = new WeakMap<Host, Claims>()

/** A protocol of a host, bound to one server as a port is. */
export class Binding {
  readonly protocol: string
  /** Settles when peers can reach the server, or cannot because the protocol is taken. */
  readonly ready: Promise<void>
  readonly #claims: Claims
  readonly #onConn: (conn: Conn) => void
  #unhandle: (() => Promise<void>) | undefined
  #closed = false

  private constructor(host: Host, claims: Claims, protocol: string, onConn: (conn: Conn) => void) {
    this.protocol = protocol
    this.#claims = claims
    this.#onConn = onConn
    this.#claims.bound.add(protocol)
    this.ready = this.#open(host)
  }

  /** Binds `target` unless it is bound already. */
  static claim(host: Host, target: ListenTarget, onConn: (conn: Conn) => void): Binding | undefined {
    const claims = claimsOf.get(host) ?? { bound: new Set(), leaving: new Map() }
    claimsOf.set(host, claims)
    const protocol = 'protocol' in target ? target.protocol : protocolOfPort(target.port || freePort(claims.bound))
    return claims.bound.has(protocol) ? undefined : new Binding(host, claims, protocol, onConn)
  }

  get port(): number | undefined {
    return portOfProtocol(this.protocol)
  }

  close(): void {
    const { bound, leaving } = this.#claims
    this.#closed = true
    bound.delete(this.protocol)
    const left = this.#leave().finally(() => {
      if (leaving.get(this.protocol) === left) leaving.delete(this.protocol)
    })
    leaving.set(this.protocol, left)
  }

  async #open(host: Host): Promise<void> {
    try {
      await this.#claims.leaving.get(this.protocol)
      this.#unhandle = await handleConns(host, this.protocol, conn => this.#accept(conn))
    } catch (error) {
      if (!this.#closed) this.#claims.bound.delete(this.protocol)
      throw error
    }
  }

  async #leave(): Promise<void> {
    try {
      await this.ready
      await this.#unhandle?.()
    } catch {
      // Not bound after all, or the host was stopped: nothing is left to take back.
    }
  }

  #accept(conn: Conn): void {
    if (this.#closed) conn.reset()
    else this.#onConn(conn)
  }
}

function freePort(bound: ReadonlySet<string>): number {
  for (let tries = 0; tries < EPHEMERAL_PORTS; tries += 1) {
    const port = FIRST_EPHEMERAL_PORT + randomInt(EPHEMERAL_PORTS)
    if (!bound.has(protocolOfPort(port))) return port
  }
  return FIRST_EPHEMERAL_PORT
}
