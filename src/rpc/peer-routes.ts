import { isPeerId } from '@libp2p/interface'
import { connect } from '../conn/connect.ts'
import { PointSubError } from '../core/errors.ts'
import type { Cancellation } from '../core/cancellation.ts'
import type { Host } from '../core/host.ts'
import type { ClientSettings } from '../core/options.ts'
import type { KnownPeer } from '../core/peers.ts'
import type { ClientSession } from '../mux/client-session.ts'
import type { ClientStream } from './client-stream.ts'
import { StreamBudget } from './stream-budget.ts'
import { StreamHabits } from './stream-habits.ts'
import { PeerRoute, type RouteRequest } from './peer-route.ts'
import { Sweeper } from './sweeper.ts'
import { WireKnowledge } from './wire-knowledge.ts'

/** How long a stream has been unused when it is idle, and not just between two calls, in ms. */
const IDLE = 1_000
/** Each look closes one of so many that are too many. */
const SHARE = 16

/** The routes of a client, one for each peer and protocol, and what bounds their streams together. */
export class PeerRoutes {
  readonly #host: Host
  readonly #options: ClientSettings
  readonly #habits = new StreamHabits()
  readonly #knowledge: WireKnowledge
  /** By protocol, then by peer: both are strings that exist already, unlike one made of the two for each call. */
  readonly #routes = new Map<string, Map<string, PeerRoute>>()
  readonly #budget: StreamBudget
  readonly #sweeper: Sweeper

  constructor(host: Host, options: ClientSettings) {
    this.#host = host
    this.#options = options
    this.#knowledge = new WireKnowledge(host)
    const { maxTotalConns, idleTimeout, idleConnTimeout, readTimeout, writeTimeout } = options
    this.#budget = new StreamBudget(maxTotalConns)
    this.#sweeper = new Sweeper(Math.min(idleTimeout, idleConnTimeout, readTimeout, writeTimeout), now => {
      this.#closeSurplus(now)
      this.#budget.sweep()
    })
  }

  get streams(): (ClientStream | ClientSession)[] {
    return this.#all.flatMap(route => route.streams)
  }

  /**
   * Sends a request to a peer and resolves to its answer.
   *
   * @throws PointSubError with `sent`
   */
  request(target: KnownPeer, protocol: string, request: RouteRequest, cancellation: Cancellation): Promise<Uint8Array> {
    const route = this.#routes.get(protocol)?.get(target.id.toString())
    if (route === undefined) return this.#requestFirst(target, protocol, request, cancellation)
    // Addresses given later may be the ones that work.
    if (!isPeerId(target.dial)) route.target = target
    return route.request(request, cancellation)
  }

  /** Connects before there is a route: a peer that cannot be reached must not hold places that others need. */
  async #requestFirst(
    target: KnownPeer,
    protocol: string,
    request: RouteRequest,
    cancellation: Cancellation
  ): Promise<Uint8Array> {
    await this.#connect(target, cancellation)
    const route = this.#routes.get(protocol)?.get(target.id.toString()) ?? this.#create(target, protocol)
    return await route.request(request, cancellation)
  }

  async #connect(target: KnownPeer, cancellation: Cancellation): Promise<void> {
    using connecting = cancellation.part('connecting', this.#options.connectTimeout)
    await connect(this.#host, target, connecting)
  }

  /** Fails every call and closes every stream; resolves when they are gone. */
  async close(reason: PointSubError): Promise<void> {
    this.#knowledge.close()
    await Promise.all(this.#all.map(route => route.close(reason)))
  }

  get #all(): PeerRoute[] {
    return Array.from(this.#routes.values(), routes => Array.from(routes.values())).flat()
  }

  #create(target: KnownPeer, protocol: string): PeerRoute {
    const key = target.id.toString()
    const routes = this.#routes.get(protocol) ?? new Map<string, PeerRoute>()
    this.#routes.set(protocol, routes)
    const route: PeerRoute = new PeerRoute(target, {
      host: this.#host,
      protocol,
      options: this.#options,
      habits: this.#habits,
      budget: this.#budget,
      knowledge: this.#knowledge,
      onEmpty: () => {
        if (routes.get(key) !== route) return
        routes.delete(key)
        if (routes.size === 0 && this.#routes.get(protocol) === routes) this.#routes.delete(protocol)
        this.#sweeper.delete(route)
      }
    })
    routes.set(key, route)
    this.#sweeper.add(route)
    return route
  }

  /** Keeps no more unused streams than `maxIdleConns` and `maxIdleConnsPerPeer` allow. */
  #closeSurplus(now: number): void {
    const { maxIdleConns, maxIdleConnsPerPeer } = this.#options
    const kept = this.#all.flatMap(({ streams }) => closeOldest(streams, maxIdleConnsPerPeer, now))
    closeOldest(kept, maxIdleConns, now)
  }
}

type Idle = ClientStream | ClientSession

/** Closes some of the idle streams beyond `max`, so that a burst that comes back finds the most; returns those that stay. */
function closeOldest(streams: readonly Idle[], max: number, now: number): Idle[] {
  const idle = oldestFirst(streams.filter(({ isIdle, lastActive }) => isIdle && now - lastActive > IDLE))
  const surplus = Math.max(0, idle.length - max)
  const reason = new PointSubError('ERR_STREAM_CLOSED', 'more streams were unused than are kept')
  const closing = Math.ceil(surplus / SHARE)
  for (const stream of idle.slice(0, closing)) void stream.close(reason)
  return idle.slice(closing)
}

function oldestFirst(streams: readonly Idle[]): Idle[] {
  return streams.toSorted((a, b) => a.lastActive - b.lastActive)
}
