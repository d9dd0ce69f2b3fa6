import { checkMilliseconds } from '../core/arguments.ts'
import { Cancellation } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { type PeerLike, type PeerTarget, parsePeer } from '../core/peers.ts'
import type { Conn } from '../conn/conn.ts'
import { openConn } from '../conn/dial.ts'
import { connectError, notFound } from './errors.ts'
import type { Target } from './targets.ts'
import type { Lookup, NetOptions } from './types.ts'

const CONNECT_TIMEOUT = 30_000

/** A peer that was found, and how. */
export interface Found {
  readonly peer: PeerTarget
  /** Whether a name had to be looked up. */
  readonly byName: boolean
}

/** What the sockets and servers of one `createNet()` share. */
export class Network {
  readonly host: Host
  /** This host's peer id. */
  readonly localAddress: string
  readonly #resolve: NetOptions['resolve']
  readonly #connectTimeout: number

  constructor(host: Host, { resolve, connectTimeout = CONNECT_TIMEOUT }: NetOptions = {}) {
    checkMilliseconds('connectTimeout', connectTimeout)
    this.host = host
    this.localAddress = host.peerId.toString()
    this.#resolve = resolve
    this.#connectTimeout = connectTimeout
  }

  /** @throws `ENOTFOUND` */
  async find(target: Target): Promise<Found> {
    const given = target.peer ?? target.host
    if (target.peer !== undefined || isPeer(target.host)) return found(given, target, false)
    return found(await this.#lookUp(target), target, true)
  }

  /** @throws `ECONNREFUSED`, `ETIMEDOUT`, `ECONNRESET` and other errors of a `connect` */
  async open({ peer }: Found, target: Target, signal: AbortSignal): Promise<Conn> {
    try {
      using cancellation = new Cancellation({ signal, timeout: this.#connectTimeout }, `connecting to ${peer.name}`)
      return await cancellation.race(openConn(this.host, peer, target.protocol, cancellation))
    } catch (error) {
      const { status = 'started' } = this.host
      throw connectError(error, addressOf(peer), target, status === 'started')
    }
  }

  async #lookUp(target: Target): Promise<PeerLike> {
    const { host, lookup } = target
    const address = lookup === undefined ? await this.#resolveName(target) : await lookUpBy(lookup, host)
    if (address !== undefined) return address
    const hint =
      lookup === undefined && this.#resolve === undefined
        ? `"${host}" is no peer id; createNet(host, { resolve }) can turn names into peers`
        : `${lookup === undefined ? 'resolve' : 'lookup'}() knows no peer "${host}"`
    throw notFound(host, target, new PointSubError('ERR_PEER_NOT_FOUND', hint))
  }

  async #resolveName(target: Target): Promise<PeerLike | undefined> {
    try {
      return await this.#resolve?.(target.host)
    } catch (cause) {
      throw notFound(target.host, target, cause)
    }
  }
}

/** The address events and errors name a peer by. */
export function addressOf(peer: PeerTarget): string {
  return peer.id?.toString() ?? peer.name
}

function found(address: PeerLike, target: Target, byName: boolean): Found {
  try {
    return { peer: parsePeer(address), byName }
  } catch (cause) {
    throw notFound(target.host, target, cause)
  }
}

function isPeer(host: string): boolean {
  try {
    parsePeer(host)
    return true
  } catch {
    return false
  }
}

function lookUpBy(lookup: Lookup, name: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    lookup(name, { family: 0, hints: 0, all: false }, (error, address) => {
      if (error) reject(error)
      else resolve(Array.isArray(address) ? address[0]?.address : address)
    })
  })
}
