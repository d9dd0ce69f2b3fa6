import { checkCount, checkProtocol } from '../core/arguments.ts'
import { type CancelOptions, Cancellation } from '../core/cancellation.ts'
import { nameOf, PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { Conn } from './conn.ts'
import { STREAMS_PER_PROTOCOL } from './dial.ts'

export interface HandleOptions {
  /** Inbound streams of this protocol on one connection, above which libp2p resets new ones. Default 65,536. */
  maxStreamsPerConnection?: number | undefined
}

export interface ListenOptions extends HandleOptions {
  /** Accepted streams that may wait for `accept()`; more are reset. Default 511, as node:net. */
  backlog?: number | undefined
}

/**
 * Calls `onConn` for each stream a peer opens; the returned function stops that.
 *
 * @throws PointSubError `ERR_PROTOCOL_EXISTS`, `ERR_INVALID_ARGUMENT`
 */
export async function handleConns(
  host: Host,
  protocol: string,
  onConn: (conn: Conn) => void,
  options: HandleOptions = {}
): Promise<() => Promise<void>> {
  const { maxStreamsPerConnection = STREAMS_PER_PROTOCOL } = options
  checkProtocol(protocol)
  checkCount('maxStreamsPerConnection', maxStreamsPerConnection, 1)
  try {
    await host.handle(protocol, (stream, connection) => onConn(new Conn(stream, connection)), {
      runOnLimitedConnection: true,
      maxInboundStreams: maxStreamsPerConnection,
      // A handler's limit also holds for streams this host opens itself, whatever newStream() is told.
      maxOutboundStreams: STREAMS_PER_PROTOCOL
    })
  } catch (cause) {
    if (nameOf(cause) !== 'DuplicateProtocolHandlerError') throw cause
    throw new PointSubError('ERR_PROTOCOL_EXISTS', `${protocol} is already handled on this host`, { cause, protocol })
  }
  return () => host.unhandle(protocol)
}

/** Streams of one protocol as they come: Go's `net.Listener`. Made by {@link listen}. */
export class Listener implements AsyncDisposable {
  readonly protocol: string
  readonly #backlog: number
  #stop: (() => Promise<void>) | undefined
  #ready: Conn[] = []
  /** In the order they came. */
  readonly #waiting = new Set<(conn: Conn | undefined) => void>()
  #closed: Promise<void> | undefined
  #releaseHost: (() => void) | undefined

  private constructor(protocol: string, backlog: number) {
    this.protocol = protocol
    this.#backlog = backlog
  }

  /** @param admit whether a stream may be accepted at all; it ends those that may not */
  static async open(
    host: Host,
    protocol: string,
    options: ListenOptions,
    admit: (conn: Conn) => boolean = () => true
  ): Promise<Listener> {
    const { backlog = 511 } = options
    checkCount('backlog', backlog, 0)
    const listener = new Listener(protocol, backlog)
    const onConn = (conn: Conn): void => {
      if (admit(conn)) listener.#onConn(conn)
    }
    listener.#stop = await handleConns(host, protocol, onConn, options)
    // As a listening server does, also on a host that was let go.
    listener.#releaseHost = host.hold?.()
    return listener
  }

  /**
   * The next stream.
   *
   * @throws PointSubError `ERR_LISTENER_CLOSED`, `ERR_ABORTED`, `ERR_TIMEOUT`
   */
  async accept(options: CancelOptions = {}): Promise<Conn> {
    using cancellation = new Cancellation(options, 'accept')
    const conn = await this.#next(cancellation)
    if (conn === undefined) {
      throw new PointSubError('ERR_LISTENER_CLOSED', `the listener of ${this.protocol} was closed`, {
        protocol: this.protocol
      })
    }
    return conn
  }

  /** Accepts until the listener is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Conn, void, undefined> {
    for (let conn = await this.#next(); conn !== undefined; conn = await this.#next()) yield conn
  }

  /** Stops listening and resets the streams nobody accepted; accepted ones go on. */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = this.#stop?.() ?? Promise.resolve()
      this.#releaseHost?.()
      for (const waiter of this.#waiting) waiter(undefined)
      this.#waiting.clear()
      for (const conn of this.#ready.splice(0)) conn.reset()
    }
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #onConn(conn: Conn): void {
    const [waiter] = this.#waiting
    if (waiter !== undefined) {
      this.#waiting.delete(waiter)
      waiter(conn)
    } else if (this.#closed !== undefined || this.#ready.length >= this.#backlog) {
      conn.reset()
    } else {
      this.#ready.push(conn)
    }
  }

  #next(cancellation?: Cancellation): Promise<Conn | undefined> {
    const ready = this.#ready.shift()
    if (ready !== undefined || this.#closed !== undefined) return Promise.resolve(ready)
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve)
      cancellation?.onCancel(reason => {
        this.#waiting.delete(resolve)
        reject(reason)
      })
    })
  }
}

/**
 * Accepts streams of a protocol: Go's `pointsub.Listen`.
 *
 * @throws PointSubError `ERR_PROTOCOL_EXISTS`, `ERR_INVALID_ARGUMENT`
 */
export function listen(host: Host, protocol: string, options: ListenOptions = {}): Promise<Listener> {
  return Listener.open(host, protocol, options)
}
