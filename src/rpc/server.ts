import { type PeerId, TypedEventEmitter } from '@libp2p/interface'
import type { Conn } from '../conn/conn.ts'
import { handleConns } from '../conn/listen.ts'
import { checkMilliseconds, checkProtocol } from '../core/arguments.ts'
import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { type Given, OPTIONS, type Resolved, resolveOptions } from '../core/options.ts'
import { startTimer } from '../core/timers.ts'
import { ServerStream } from './server-stream.ts'
import { Sweeper } from './sweeper.ts'
import type { Handler } from './types.ts'

export type ServerOptions = Given<typeof OPTIONS.server>

export interface StopOptions {
  /** Milliseconds that requests being handled get to finish before their streams are reset. Default 5,000. */
  grace?: number | undefined
}

/** What a `failure` event tells: a handler threw, or a peer's stream broke a rule or a time limit. */
export interface ServerFailure {
  readonly error: PointSubError
  readonly peer: PeerId
  readonly protocol: string
}

export interface ServerEvents {
  failure: CustomEvent<ServerFailure>
}

const STOP_GRACE = 5_000

/** Answers requests of any number of protocols on one host: Go PointSub's `Server`. */
export class Server extends TypedEventEmitter<ServerEvents> implements AsyncDisposable {
  readonly #host: Host
  readonly #options: Resolved<typeof OPTIONS.server>
  readonly #sweeper: Sweeper
  readonly #streams = new Map<ServerStream, Conn>()
  readonly #unhandle = new Map<string, () => Promise<void>>()
  #releaseHost: (() => void) | undefined
  #stopped: Promise<void> | undefined

  /** @throws PointSubError `ERR_INVALID_CONFIG` */
  constructor(host: Host, options: ServerOptions = {}) {
    super()
    this.#host = host
    this.#options = resolveOptions(OPTIONS.server, options, 'Server')
    const { idleTimeout, readTimeout, writeTimeout } = this.#options
    this.#sweeper = new Sweeper(Math.min(idleTimeout, readTimeout, writeTimeout))
  }

  /** The protocols served, in the order they were started. */
  get protocols(): string[] {
    return [...this.#unhandle.keys()]
  }

  /** Streams open now, over all protocols and peers. */
  get activeStreams(): number {
    return this.#streams.size
  }

  /**
   * Serves a protocol: `handler` gets each request and returns its answer. One handler a protocol; protocols can be
   * started while others serve.
   *
   * @throws PointSubError `ERR_PROTOCOL_EXISTS`, `ERR_SERVER_CLOSED`, `ERR_INVALID_ARGUMENT`
   */
  async start(protocol: string, handler: Handler): Promise<void> {
    if (this.#stopped !== undefined) throw new PointSubError('ERR_SERVER_CLOSED', 'the server was stopped')
    checkProtocol(protocol)
    if (typeof handler !== 'function') {
      throw new PointSubError('ERR_INVALID_ARGUMENT', `the handler of ${protocol} must be a function`, { protocol })
    }
    const unhandle = await handleConns(this.#host, protocol, conn => this.#onConn(conn, handler), this.#options)
    this.#unhandle.set(protocol, unhandle)
    if (this.#stopped === undefined) {
      // A process that serves stays up, also when nobody else wants its host.
      this.#releaseHost ??= this.#host.hold?.()
      return
    }
    // stop() came while the host was registering the protocol.
    await unhandle()
    throw new PointSubError('ERR_SERVER_CLOSED', 'the server was stopped', { protocol })
  }

  /**
   * Stops serving: no new streams, requests being handled get `grace` ms to finish, the rest is reset. The host goes
   * on. A stopped server cannot be started again.
   *
   * @throws PointSubError `ERR_INVALID_ARGUMENT`
   */
  stop(options: StopOptions = {}): Promise<void> {
    const { grace = STOP_GRACE } = options
    checkMilliseconds('grace', grace)
    this.#stopped ??= this.#stop(grace)
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(grace: number): Promise<void> {
    const unhandled = Promise.allSettled([...this.#unhandle.values()].map(unhandle => unhandle()))
    this.#unhandle.clear()
    for (const stream of this.#streams.keys()) stream.stop()
    const timer = startTimer(grace, () => {
      const reason = new PointSubError('ERR_SERVER_CLOSED', 'the server was stopped')
      for (const stream of this.#streams.keys()) stream.kill(reason)
    })
    // The streams, not the handlers: one that never ends must not keep the server from stopping.
    await Promise.all([...this.#streams.values()].map(conn => conn.closed))
    clearTimeout(timer)
    await unhandled
    this.#releaseHost?.()
  }

  #onConn(conn: Conn, handler: Handler): void {
    if (this.#stopped !== undefined) {
      conn.reset()
      return
    }
    const stream = new ServerStream(conn, handler, this.#options)
    this.#sweeper.add(stream)
    this.#streams.set(stream, conn)
    void conn.closed.then(() => {
      this.#sweeper.delete(stream)
      this.#streams.delete(stream)
    })
    void this.#serve(stream, conn)
  }

  async #serve(stream: ServerStream, conn: Conn): Promise<void> {
    try {
      await stream.serve()
    } catch (error) {
      if (!(error instanceof PointSubError)) throw error
      const detail: ServerFailure = { error, peer: conn.remotePeer, protocol: conn.protocol }
      this.safeDispatchEvent('failure', { detail })
    }
  }
}
