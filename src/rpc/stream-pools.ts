import { isPeerId } from '@libp2p/interface'
import { connect } from '../conn/connect.ts'
import { openConn } from '../conn/dial.ts'
import { PointSubError } from '../core/errors.ts'
import type { Cancellation } from '../core/cancellation.ts'
import type { Host } from '../core/host.ts'
import type { Resolved } from '../core/option-table.ts'
import type { OPTIONS } from '../core/options.ts'
import type { KnownPeer } from '../core/peers.ts'
import type { ClientStream } from './client-stream.ts'
import { StreamBudget } from './stream-budget.ts'
import { StreamHabits } from './stream-habits.ts'
import { StreamPool } from './stream-pool.ts'
import { Sweeper } from './sweeper.ts'

/** How long a stream has been unused when it is idle, and not just between two calls, in ms. */
const IDLE = 1_000
/** Each look closes one of so many that are too many. */
const SHARE = 16

/** The pools of a client, one for each peer and protocol, and what bounds them together. */
export class StreamPools {
  readonly #host: Host
  readonly #options: Resolved<typeof OPTIONS.client>
  readonly #habits = new StreamHabits()
  /** By protocol, then by peer: both are strings that exist already, unlike one made of the two for each call. */
  readonly #pools = new Map<string, Map<string, StreamPool>>()
  readonly #budget: StreamBudget
  readonly #sweeper: Sweeper

  constructor(host: Host, options: Resolved<typeof OPTIONS.client>) {
    this.#host = host
    this.#options = options
    const { maxTotalConns, idleTimeout, idleConnTimeout, readTimeout, writeTimeout } = options
    this.#budget = new StreamBudget(maxTotalConns)
    this.#sweeper = new Sweeper(Math.min(idleTimeout, idleConnTimeout, readTimeout, writeTimeout), now => {
      this.#closeSurplus(now)
      this.#budget.sweep()
    })
  }

  get streams(): ClientStream[] {
    return this.#all.flatMap(pool => pool.streams)
  }

  /**
   * Sends a frame to a peer and resolves to the body of the answer.
   *
   * @throws PointSubError with `sent`
   */
  request(target: KnownPeer, protocol: string, frame: Uint8Array, cancellation: Cancellation): Promise<Uint8Array> {
    const pool = this.#pools.get(protocol)?.get(target.id.toString())
    if (pool === undefined) return this.#requestFirst(target, protocol, frame, cancellation)
    // Addresses given later may be the ones that work.
    if (!isPeerId(target.dial)) pool.target = target
    return pool.request(frame, cancellation)
  }

  /** Connects before there is a pool: a peer that cannot be reached must not hold places that others need. */
  async #requestFirst(
    target: KnownPeer,
    protocol: string,
    frame: Uint8Array,
    cancellation: Cancellation
  ): Promise<Uint8Array> {
    await this.#connect(target, cancellation)
    const pool = this.#pools.get(protocol)?.get(target.id.toString()) ?? this.#create(target, protocol)
    return await pool.request(frame, cancellation)
  }

  async #connect(target: KnownPeer, cancellation: Cancellation): Promise<void> {
    using connecting = cancellation.part('connecting', this.#options.connectTimeout)
    await connect(this.#host, target, connecting)
  }

  /** Fails every call and closes every stream; resolves when they are gone. */
  async close(reason: PointSubError): Promise<void> {
    await Promise.all(this.#all.map(pool => pool.close(reason)))
  }

  get #all(): StreamPool[] {
    return Array.from(this.#pools.values(), pools => Array.from(pools.values())).flat()
  }

  #create(target: KnownPeer, protocol: string): StreamPool {
    const key = target.id.toString()
    const pools = this.#pools.get(protocol) ?? new Map<string, StreamPool>()
    this.#pools.set(protocol, pools)
    const pool: StreamPool = new StreamPool(target, {
      options: this.#options,
      habits: this.#habits,
      budget: this.#budget,
      open: (current, cancellation) => openConn(this.#host, current, protocol, cancellation),
      onEmpty: () => {
        if (pools.get(key) !== pool) return
        pools.delete(key)
        if (pools.size === 0 && this.#pools.get(protocol) === pools) this.#pools.delete(protocol)
        this.#sweeper.delete(pool)
      }
    })
    pools.set(key, pool)
    this.#sweeper.add(pool)
    return pool
  }

  /** Keeps no more unused streams than `maxIdleConns` and `maxIdleConnsPerPeer` allow. */
  #closeSurplus(now: number): void {
    const { maxIdleConns, maxIdleConnsPerPeer } = this.#options
    const kept = this.#all.flatMap(({ streams }) => closeOldest(streams, maxIdleConnsPerPeer, now))
    closeOldest(kept, maxIdleConns, now)
  }
}

/** Closes some of the idle streams beyond `max`, so that a burst that comes back finds the most; returns those that stay. */
function closeOldest(streams: readonly ClientStream[], max: number, now: number): ClientStream[] {
  const idle = oldestFirst(streams.filter(({ isIdle, lastActive }) => isIdle && now - lastActive > IDLE))
  const surplus = Math.max(0, idle.length - max)
  const reason = new PointSubError('ERR_STREAM_CLOSED', 'more streams were unused than are kept')
  const closing = Math.ceil(surplus / SHARE)
  for (const stream of idle.slice(0, closing)) void stream.close(reason)
  return idle.slice(closing)
}

function oldestFirst(streams: readonly ClientStream[]): ClientStream[] {
  return streams.toSorted((a, b) => a.lastActive - b.lastActive)
}
