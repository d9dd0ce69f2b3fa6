import { type PeerId, TypedEventEmitter } from '@libp2p/interface'
import type { Conn } from '../conn/conn.ts'
import { Listener } from '../conn/listen.ts'
import { checkMilliseconds, checkProtocol } from '../core/arguments.ts'
import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { type Given, resolveOptions } from '../core/option-table.ts'
import { type ServerSettings, OPTIONS } from '../core/options.ts'
import { startTimer } from '../core/timers.ts'
import { protocolOf, type Wire } from '../core/wire.ts'
import { AcceptedConns, type ConnSource } from './accepted-conns.ts'
import { ConnectionLimiter } from './connection-limiter.ts'
import { MemoryBudget } from '../core/memory-budget.ts'
import { handleWires } from './handle-wires.ts'
import { MuxService } from './mux-service.ts'
import { RawStream } from './raw-stream.ts'
import { Reaper } from './reaper.ts'
import { describeStream, type ServedStream } from './served-stream.ts'
import { ServerStream } from './server-stream.ts'
import { Sweeper } from './sweeper.ts'
import type { ConnectionInfo, Handler, ServerMetrics } from './types.ts'

export type ServerOptions = Given<typeof OPTIONS.server>

export interface StopOptions {
  /** Milliseconds that requests being handled get to finish before their streams are reset. Default 5,000. */
  grace?: number | undefined
}

/** What a `failure` event tells: a handler threw, or a peer's stream broke a rule, a bound or a time limit. */
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
  readonly #options: ServerSettings
  readonly #limiter: ConnectionLimiter
  readonly #budget: MemoryBudget
  readonly #reaper: Reaper
  readonly #sweeper: Sweeper
  readonly #streams = new Set<ServedStream>()
  readonly #unhandle = new Map<string, () => Promise<void>>()
  readonly #metrics = {
    totalRequests: 0,
    failedRequests: 0,
    activeRequests: 0,
    totalConnections: 0,
    bytesRead: 0,
    bytesWritten: 0
  }
  #releaseHost: (() => void) | undefined
  #stopped: Promise<void> | undefined

  /** @throws PointSubError `ERR_INVALID_CONFIG` */
  constructor(host: Host, options: ServerOptions = {}) {
    super()
    this.#host = host
    this.#options = resolveOptions(OPTIONS.server, options, 'Server')
    const { idleTimeout, readTimeout, writeTimeout, maxIdleTime, cleanupInterval } = this.#options
    this.#limiter = new ConnectionLimiter({
      max: this.#options.maxConcurrentConns,
      min: this.#options.minConcurrentConns,
      maxLoadFactor: this.#options.maxLoadFactor,
      interval: this.#options.loadInterval,
      now: () => performance.now()
    })
    this.#budget = new MemoryBudget(this.#options.maxMemoryUsage, this.#options.maxMemoryUsagePerPeer)
    this.#reaper = new Reaper(this.#options)
    const shortest = Math.min(idleTimeout, readTimeout, writeTimeout, maxIdleTime, cleanupInterval)
    this.#sweeper = new Sweeper(shortest, now => this.#reaper.sweep(this.#streams, now))
  }

  /** The protocols served, in the order they were started. */
  get protocols(): string[] {
    return [...this.#unhandle.keys()]
  }

  /** Streams open now, over all protocols and peers. */
  get activeStreams(): number {
    return this.#streams.size
  }

  /** Streams that may be open at once by now: `maxConcurrentConns`, adapted to the load. */
  get maxStreams(): number {
    return this.#limiter.max
  }

  /** What the server has done, in Go PointSub's counters. */
  getMetrics(): ServerMetrics {
    return { ...this.#metrics, activeConns: this.#streams.size }
  }

  /** The streams open now. */
  getConnectionsInfo(): ConnectionInfo[] {
    const now = performance.now()
    return [...this.#streams].map(stream => describeStream(stream, now))
  }

  /**
   * Serves a protocol: `handler` gets each request and returns its answer. One handler a protocol; protocols can be
   * started, and removed, while others serve.
   *
   * @throws PointSubError `ERR_PROTOCOL_EXISTS`, also when somebody else handles it on this host, `ERR_SERVER_CLOSED`,
   * `ERR_INVALID_ARGUMENT`
   */
  async start(protocol: string, handler: Handler): Promise<void> {
    checkProtocol(protocol)
    if (typeof handler !== 'function') {
      throw new PointSubError('ERR_INVALID_ARGUMENT', `the handler of ${protocol} must be a function`, { protocol })
    }
    const service = new MuxService({
      protocol,
      handler,
      options: this.#options,
      metrics: this.#metrics,
      budget: this.#budget,
      onFailure: (conn, error) => this.#fail(conn, error)
    })
    const serve: Readonly<Record<Wire, (conn: Conn) => unknown>> = {
      plain: conn => this.#admit(conn, protocol, () => this.#createStream(conn, handler)),
      mux: conn => this.#admit(conn, protocol, () => service.serve(conn))
    }
    await this.#register(protocol, () => handleWires(this.#host, protocol, this.#options.wire, serve, this.#options))
  }

  /**
   * The raw streams that peers open of a protocol, as Go's `Accept`: `for await (const conn of server.accept('/x'))`.
   * They count against `maxConcurrentConns` and `maxMemoryUsage`, and are ended after `maxIdleTime`; leaving the loop,
   * `remove()` and `stop()` stop accepting.
   *
   * @throws PointSubError in the loop: `ERR_PROTOCOL_EXISTS`, `ERR_SERVER_CLOSED`, `ERR_INVALID_ARGUMENT`
   */
  accept(protocol: string): AcceptedConns {
    return new AcceptedConns(this.#accept(protocol))
  }

  /**
   * Stops serving one protocol, as {@link stop} does all; tells whether it was served.
   *
   * @throws PointSubError `ERR_INVALID_ARGUMENT`
   */
  async remove(protocol: string, options: StopOptions = {}): Promise<boolean> {
    const unhandle = this.#unhandle.get(protocol)
    const grace = graceOf(options)
    if (unhandle === undefined) return false
    this.#unhandle.delete(protocol)
    const streams = [...this.#streams].filter(({ conn, wire }) => protocolOf(conn.protocol, wire) === protocol)
    await Promise.all([unhandle(), endStreams(streams, grace)])
    return true
  }

  /**
   * Stops serving: no new streams, requests being handled get `grace` ms to finish, the rest is reset. The host goes
   * on. A stopped server cannot be started again.
   *
   * @throws PointSubError `ERR_INVALID_ARGUMENT`
   */
  stop(options: StopOptions = {}): Promise<void> {
    const grace = graceOf(options)
    this.#stopped ??= this.#stop(grace)
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(grace: number): Promise<void> {
    const unhandled = Promise.allSettled([...this.#unhandle.values()].map(unhandle => unhandle()))
    this.#unhandle.clear()
    await endStreams([...this.#streams], grace)
    await unhandled
    this.#releaseHost?.()
  }

  async #accept(protocol: string): Promise<ConnSource> {
    const admit = (conn: Conn): boolean => this.#admit(conn, protocol, () => this.#createRaw(conn))
    let source: ConnSource | undefined
    await this.#register(protocol, async () => {
      const listener = await Listener.open(this.#host, protocol, this.#options, admit)
      const close = async (): Promise<void> => {
        // When a loop is left late, somebody else may have the protocol.
        if (this.#unhandle.get(protocol) === close) this.#unhandle.delete(protocol)
        await listener.close()
      }
      source = { accept: () => listener.accept(), close }
      return close
    })
    if (source === undefined) throw serverClosed(protocol)
    return source
  }

  /** @param handle registers the protocol with the host, and resolves to how to take it back */
  async #register(protocol: string, handle: () => Promise<() => Promise<void>>): Promise<void> {
    if (this.#stopped !== undefined) throw serverClosed(protocol)
    const unhandle = await handle()
    // stop() may have come while the host was registering the protocol.
    if (this.#isStopped()) {
      await unhandle()
      throw serverClosed(protocol)
    }
    this.#unhandle.set(protocol, unhandle)
    // A process that serves stays up, also when nobody else wants its host.
    this.#releaseHost ??= this.#host.hold?.()
  }

  #isStopped(): boolean {
    return this.#stopped !== undefined
  }

  /** Takes a stream on, unless there are too many. */
  #admit(conn: Conn, protocol: string, create: () => ServedStream): boolean {
    if (this.#isStopped()) {
      conn.reset()
      return false
    }
    if (this.#limiter.isFull && !this.#makeRoom()) {
      const details = { peer: conn.remotePeer.toString(), protocol }
      const error = new PointSubError('ERR_MAX_CONNS', `${this.#limiter.active} streams are open already`, details)
      conn.reset(error)
      this.#fail(conn, error)
      return false
    }
    this.#metrics.totalConnections += 1
    this.#limiter.started()
    const stream = create()
    this.#sweeper.add(stream)
    this.#streams.add(stream)
    void conn.closed.then(() => {
      this.#limiter.ended()
      this.#sweeper.delete(stream)
      this.#streams.delete(stream)
    })
    return true
  }

  #createStream(conn: Conn, handler: Handler): ServerStream {
    return new ServerStream(conn, {
      handler,
      options: this.#options,
      metrics: this.#metrics,
      budget: this.#budget,
      onFailure: error => this.#fail(conn, error)
    })
  }

  #createRaw(conn: Conn): RawStream {
    return new RawStream(conn, this.#budget, error => this.#fail(conn, error))
  }

  /** Whether one more stream may be taken on after those unused for long had to go. */
  #makeRoom(): boolean {
    return this.#reaper.makeRoom(this.#streams, performance.now())
  }

  #fail({ remotePeer, protocol }: Conn, error: PointSubError): void {
    const detail = { error, peer: remotePeer, protocol: error.protocol ?? protocol }
    this.safeDispatchEvent<ServerFailure>('failure', { detail })
  }
}

function graceOf({ grace = STOP_GRACE }: StopOptions): number {
  checkMilliseconds('grace', grace)
  return grace
}

function serverClosed(protocol: string): PointSubError {
  return new PointSubError('ERR_SERVER_CLOSED', 'the server was stopped', { protocol })
}

/** Ends streams politely, and those that take longer than `grace` ms at once; resolves when they are gone. */
async function endStreams(streams: readonly ServedStream[], grace: number): Promise<void> {
  for (const stream of streams) if (!stream.isRaw) stream.stop()
  const timer = startTimer(grace, () => {
    const reason = new PointSubError('ERR_SERVER_CLOSED', 'the server was stopped')
    for (const stream of streams) stream.kill(reason)
  })
  // The streams, not the handlers: one that never ends must not keep the server from stopping.
  await Promise.all(streams.map(({ conn }) => conn.closed))
  clearTimeout(timer)
}
