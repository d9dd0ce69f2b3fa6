import type { Connection } from '@libp2p/interface'
import type { Conn } from '../conn/conn.ts'
import { openConn, openConnOn } from '../conn/dial.ts'
import { Cancellation } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import type { ClientSettings } from '../core/options.ts'
import type { KnownPeer } from '../core/peers.ts'
import { idOf } from '../core/wire.ts'
import type { Payload } from '../frame/payload.ts'
import type { MuxRequest } from '../mux/client-call.ts'
import { ClientSession } from '../mux/client-session.ts'
import type { ClientStream } from './client-stream.ts'
import type { PlaceAccount, PlaceHolder, StreamBudget } from './stream-budget.ts'
import type { StreamHabits } from './stream-habits.ts'
import { StreamPool } from './stream-pool.ts'
import type { Sweepable } from './sweeper.ts'
import type { WireKnowledge } from './wire-knowledge.ts'

/**
 * How often a request that a peer has turned away goes to another stream before its caller is told. Streams that have
 * served their share do not count: each has got some of the requests done.
 */
const TURNS = 3
/** How long a stream that was opened for nobody is kept, in ms. */
const SPARE = 1_000

/** A request as both wires can send it. */
export interface RouteRequest extends Omit<MuxRequest, 'body'> {
  readonly payload: Payload
}

export interface PeerRouteInit {
  readonly host: Host
  readonly protocol: string
  readonly options: ClientSettings
  readonly habits: StreamHabits
  readonly budget: StreamBudget
  readonly knowledge: WireKnowledge
  /** Called when neither streams nor callers are left. */
  onEmpty(): void
}

/** The way to one peer and protocol: one session of the mux wire where the peer has it, a pool of plain streams otherwise. */
export class PeerRoute implements Sweepable, PlaceHolder {
  /** Where to open streams to. */
  target: KnownPeer
  readonly #init: PeerRouteInit
  #session: ClientSession | undefined
  /** Every session that is not gone yet, those that take no more requests included. */
  readonly #live = new Set<ClientSession>()
  #opening: Promise<ClientSession | undefined> | undefined
  readonly #openings = new Set<Cancellation>()
  #account: PlaceAccount | undefined
  #pool: StreamPool | undefined
  /** A plain stream that came of offering both wires, for the pool. */
  #spare: { readonly conn: Conn; readonly since: number } | undefined
  #callers = 0
  #closed: PointSubError | undefined

  constructor(target: KnownPeer, init: PeerRouteInit) {
    this.target = target
    this.#init = init
  }

  /** The streams that carry requests or could. */
  get streams(): (ClientStream | ClientSession)[] {
    return [...[...this.#live].filter(({ isOpen, isIdle }) => isOpen || !isIdle), ...(this.#pool?.streams ?? [])]
  }

  /**
   * Sends a request and resolves to its answer.
   *
   * @throws PointSubError with `sent`
   */
  async request(request: RouteRequest, cancellation: Cancellation): Promise<Uint8Array> {
    this.#callers += 1
    try {
      for (let turns = 1; ; ) {
        const session = this.#current() ?? (await this.#choose(cancellation))
        const { payload, metadata, onMetadata } = request
        try {
          if (session === undefined) return await this.#plain().request(payload.frame, cancellation)
          return await session.request({ body: payload.body, metadata, onMetadata }, cancellation)
        } catch (error) {
          const isInVain = session === undefined ? !this.#mayHaveMux(error) : session.isOpen || !isTurnedAway(error)
          if (isInVain || turns === TURNS || cancellation.reason !== undefined) throw error
          if (session?.isServed !== true) turns += 1
        }
      }
    } finally {
      this.#callers -= 1
      if (this.#callers === 0) this.#onUnused()
    }
  }

  sweep(now: number): void {
    const { idleTimeout, idleConnTimeout } = this.#init.options
    const reason = new PointSubError('ERR_STREAM_CLOSED', 'the stream was not used')
    for (const session of this.#live) {
      session.sweep(now)
      if (session.isIdle && now - session.lastActive > Math.min(idleTimeout, idleConnTimeout))
        void session.close(reason)
    }
    this.#pool?.sweep(now)
    if (this.#spare !== undefined && now - this.#spare.since > SPARE) this.#dropSpare()
  }

  /** Gives up the session's place when it has not been used for so many milliseconds. */
  yieldUnused(milliseconds: number): boolean {
    const session = this.#session
    if (session?.isIdle !== true || performance.now() - session.lastActive < milliseconds) return false
    void session.close(new PointSubError('ERR_STREAM_CLOSED', 'a call to another peer needs the place of this stream'))
    return true
  }

  /** Closes every stream; resolves when they are gone. The calls have been cancelled by then. */
  async close(reason: PointSubError): Promise<void> {
    this.#closed = reason
    for (const opening of this.#openings) opening.cancel(reason)
    this.#dropSpare()
    await Promise.all([...[...this.#live].map(session => session.close(reason)), this.#pool?.close(reason)])
    this.#checkEmpty()
  }

  /** Nobody waits for a place any more. */
  #onUnused(): void {
    if (this.#account?.isWaiting === true) {
      this.#opening = undefined
      this.#account.withdraw()
    }
    this.#checkEmpty()
  }

  /** The session that takes requests now. */
  #current(): ClientSession | undefined {
    const session = this.#session
    if (session?.isOpen !== true) return undefined
    if (this.#account?.mustYield(true) !== true) return session
    // Somebody has waited for a place while this session was never idle: it ends when what it has is answered.
    session.retire()
    return undefined
  }

  /** A session, opened now if there is none; undefined when the plain wire is to be used. */
  async #choose(cancellation: Cancellation): Promise<ClientSession | undefined> {
    if (this.#init.options.wire === 'plain') return undefined
    if (cancellation.reason !== undefined) throw cancellation.reason
    const connection = this.#init.host.getConnections(this.target.id).find(({ status }) => status === 'open')
    const known = connection === undefined ? undefined : this.#init.knowledge.get(connection, this.#init.protocol)
    if (known === 'plain' && this.#init.options.wire === 'auto') return undefined
    if (this.#opening === undefined) {
      const opening = this.#open().finally(() => {
        if (this.#opening === opening) this.#opening = undefined
        this.#checkEmpty()
      })
      this.#opening = opening
    }
    return cancellation.race(this.#opening)
  }

  /** Opens a session for whoever waits for one, in a place of the budget. */
  async #open(): Promise<ClientSession | undefined> {
    this.#account ??= this.#init.budget.open(this)
    const account = this.#account
    await account.take()
    try {
      const session = await this.#openSession()
      if (session === undefined) account.give()
      return session
    } catch (error) {
      account.give()
      throw error
    }
  }

  /** Not cancelled with the calls that wait for it: the next one will need it, too. */
  async #openSession(): Promise<ClientSession | undefined> {
    const { host, protocol, options, knowledge } = this.#init
    const mux = idOf(protocol, 'mux')
    const isKnown = (connection: Connection): boolean => knowledge.get(connection, protocol) === 'mux'
    let believed: Connection | undefined
    const ids = (connection: Connection): string[] => {
      believed = isKnown(connection) ? connection : undefined
      return options.wire === 'mux' || believed !== undefined ? [mux] : [mux, protocol]
    }
    try {
      const conn = await this.#within(cancellation => openConn(host, this.target, protocol, cancellation, ids))
      knowledge.learn(conn.connection, protocol, conn.protocol === mux ? 'mux' : 'plain')
      if (conn.protocol === mux) return this.#start(conn)
      this.#dropSpare()
      this.#spare = { conn, since: performance.now() }
      return undefined
    } catch (error) {
      if (options.wire === 'mux' || believed === undefined || !isUnsupported(error)) throw error
      // The peer has it no more; whether it serves the protocol at all the other wire will tell.
      knowledge.learn(believed, protocol, 'plain')
      return undefined
    }
  }

  #start(conn: Conn): ClientSession {
    const { protocol, options } = this.#init
    const session: ClientSession = new ClientSession(conn, {
      options,
      protocol,
      openData: () =>
        this.#within(cancellation => openConnOn(conn.connection, protocol, cancellation, [idOf(protocol, 'mux')])),
      onClosed: () => {
        if (this.#session === session) this.#session = undefined
      }
    })
    this.#session = session
    this.#live.add(session)
    void conn.closed.then(() => {
      this.#live.delete(session)
      this.#account?.give()
      this.#checkEmpty()
    })
    return session
  }

  /** Opens a stream in the time there is for that, unless the client is closed. */
  async #within(open: (cancellation: Cancellation) => Promise<Conn>): Promise<Conn> {
    if (this.#closed !== undefined) throw this.#closed
    using cancellation = new Cancellation({ timeout: this.#init.options.connectTimeout }, 'connecting')
    this.#openings.add(cancellation)
    try {
      return await cancellation.race(open(cancellation))
    } finally {
      this.#openings.delete(cancellation)
    }
  }

  /** Whether a peer that was known to have the plain wire alone may have changed to the other: then it is offered both. */
  #mayHaveMux(error: unknown): boolean {
    return this.#init.options.wire === 'auto' && isUnsupported(error)
  }

  #plain(): StreamPool {
    const { host, protocol, options, habits, budget, knowledge } = this.#init
    this.#pool ??= new StreamPool(this.target, {
      options,
      habits,
      budget,
      open: async (_, cancellation) => {
        const spare = this.#takeSpare()
        if (spare !== undefined) return spare
        try {
          return await openConn(host, this.target, protocol, cancellation)
        } catch (error) {
          const [connection] = host.getConnections(this.target.id)
          if (isUnsupported(error) && connection !== undefined) knowledge.forget(connection, protocol)
          throw error
        }
      },
      onEmpty: () => {
        this.#pool = undefined
        this.#checkEmpty()
      }
    })
    return this.#pool
  }

  #takeSpare(): Conn | undefined {
    const conn = this.#spare?.conn
    this.#spare = undefined
    return conn?.stream.status === 'open' ? conn : undefined
  }

  #dropSpare(): void {
    this.#spare?.conn.reset()
    this.#spare = undefined
  }

  #checkEmpty(): void {
    if (this.#live.size > 0 || this.#opening !== undefined) return
    this.#account?.close()
    this.#account = undefined
    if (this.#callers === 0 && this.#pool === undefined && this.#spare === undefined) this.#init.onEmpty()
  }
}

function isUnsupported(error: unknown): boolean {
  return error instanceof PointSubError && error.code === 'ERR_PROTOCOL_UNSUPPORTED'
}

/** Whether the peer has let go of a request that it had not begun with, because it ends the stream. */
function isTurnedAway(error: unknown): boolean {
  return (
    error instanceof PointSubError &&
    error.sent === false &&
    (error.code === 'ERR_SERVER_CLOSED' || error.code === 'ERR_STREAM_CLOSED')
  )
}
