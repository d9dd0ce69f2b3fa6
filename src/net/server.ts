import type { Server as NodeServer } from 'node:net'
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { addAbortListener, captureRejectionSymbol, EventEmitter, once } from 'node:events'
import { getDefaultHighWaterMark } from 'node:stream'
import type { Conn } from '../conn/conn.ts'
import { PointSubError } from '../core/errors.ts'
import { localPort, type PeerAddress, remotePort } from './addresses.ts'
import { checkAbortSignal, checkNumber } from './arguments.ts'
import { Binding } from './binding.ts'
import { Hold } from './hold.ts'
import type { Network } from './network.ts'
import { argumentTypeError, nodeError, systemError } from './node-errors.ts'
import type { NetSocket } from './net-socket.ts'
import { Socket } from './socket.ts'
import { type ListenTarget, parseListen, splitArguments } from './targets.ts'
import type { Acceptor, ListenOptions, ServerOptions } from './types.ts'

/** Where tracing tools learn of the sockets of a process. */
const serverSockets = channel('net.server.socket')

/** How long a peer may take to end a stream that was dropped, in ms: a flood of them must not pile up. */
const DROPPED = 1_000

export type ConnectionListener = (socket: NetSocket) => void

/** What `'drop'` tells of a connection over `maxConnections`. */
export interface DroppedConnection {
  localAddress: string
  localPort: number | undefined
  localFamily: string
  remoteAddress: string
  remotePort: number | undefined
  remoteFamily: string
}

/**
 * `net.Server` whose sockets are the streams that peers open by its protocol. Made by `createNet(host).createServer()`.
 *
 * @see https://nodejs.org/api/net.html#class-netserver, and docs/net.md for what is different
 */
export class Server extends EventEmitter implements Acceptor, AsyncDisposable {
  readonly allowHalfOpen: boolean
  readonly pauseOnConnect: boolean
  /** Bytes, for both directions of each socket. */
  readonly highWaterMark: number
  /** Kept for code that asks, as the next two: a stream has no such thing. */
  readonly noDelay: boolean
  readonly keepAlive: boolean
  readonly keepAliveInitialDelay: number
  /** Open sockets above which new ones are closed at once; `'drop'` tells. */
  maxConnections: number | undefined = undefined
  /** Kept for code that sets it: there is no other process to pass connections on to. */
  dropMaxConnection = false
  _connections = 0
  readonly #network: Network
  readonly #hold: Hold
  #binding: Binding | undefined

  constructor(
    options: ServerOptions | ConnectionListener | null | undefined,
    listener: ConnectionListener | undefined,
    network: Network
  ) {
    super()
    const onConnection = typeof options === 'function' ? options : listener
    const given = serverOptions(options)
    this.allowHalfOpen = given.allowHalfOpen === true
    this.pauseOnConnect = given.pauseOnConnect === true
    const { highWaterMark = -1 } = given
    this.highWaterMark = highWaterMark < 0 ? getDefaultHighWaterMark(false) : highWaterMark
    this.noDelay = given.noDelay === true
    this.keepAlive = given.keepAlive === true
    this.keepAliveInitialDelay = Math.max(0, Math.trunc((given.keepAliveInitialDelay ?? 0) / 1000))
    this.#network = network
    this.#hold = new Hold(network.host)
    if (typeof onConnection === 'function') this.on('connection', onConnection)
  }

  get listening(): boolean {
    return this.#binding !== undefined
  }

  /** Where it listens; null while it does not. */
  address(): PeerAddress | null {
    if (this.#binding === undefined) return null
    const { protocol, port } = this.#binding
    return { address: this.#network.localAddress, family: 'libp2p', port, protocol }
  }

  /**
   * Accepts the streams of a protocol, or of port n: the protocol `/net/n`. 0 or nothing picks a free port.
   * Emits `'listening'`, or `'error'` with `EADDRINUSE` when this host has a handler of the protocol already.
   *
   * @throws `ERR_SERVER_ALREADY_LISTEN`, `ERR_SOCKET_BAD_PORT`, `ERR_INVALID_ARG_VALUE`, `ERR_INVALID_ARG_TYPE`
   */
  listen(portOrProtocol?: number | string, host?: string, backlog?: number, onListening?: () => void): this
  listen(portOrProtocol?: number | string, hostOrBacklog?: string | number, onListening?: () => void): this
  listen(portOrProtocol: number | string, onListening?: () => void): this
  listen(options: ListenOptions, onListening?: () => void): this
  listen(onListening?: () => void): this
  listen(...args: unknown[]): this {
    const { options, callback } = splitArguments(args)
    if (this.#binding !== undefined) {
      const text = 'Listen method has been called more than once without closing.'
      throw nodeError(Error, 'ERR_SERVER_ALREADY_LISTEN', text)
    }
    if (callback !== undefined) this.once('listening', callback)
    this.#listenTo(parseListen(args[0], options), options)
    return this
  }

  /** Stops accepting; `'close'` comes when the last socket has closed. */
  close(callback?: (error?: Error) => void): this {
    const binding = this.#binding
    if (typeof callback === 'function') {
      this.once('close', () => {
        if (binding === undefined) callback(nodeError(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.'))
        else callback()
      })
    }
    this.#binding = undefined
    binding?.close()
    this.#hold.active = false
    this.#closeIfDrained()
    return this
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this._connections)
    return this
  }

  /** Lets a listening server keep the process up, as it does by default. */
  ref(): this {
    this.#hold.referenced = true
    return this
  }

  unref(): this {
    this.#hold.referenced = false
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#binding === undefined) return
    const closed = once(this, 'close')
    this.close()
    await closed
  }

  /** A socket of this server was destroyed. */
  _left(): void {
    this._connections -= 1
    this.#closeIfDrained()
  }

  #listenTo(target: ListenTarget, { signal }: ListenOptions): void {
    if (signal !== undefined) this.#closeOn(signal)
    // Listeners run in the async context of listen(), as those of node:net do.
    const inContext = AsyncLocalStorage.snapshot()
    const emit = (socket: Socket): void => inContext(() => void this.emit('connection', socket))
    // In a turn of its own: what a listener throws is not libp2p's to catch.
    const onConn = (conn: Conn): void =>
      process.nextTick(() => (this.#binding === binding ? this.#accept(conn, emit) : conn.reset()))
    const binding = Binding.claim(this.#network.host, target, onConn)
    if (binding === undefined) {
      process.nextTick(() => this.emit('error', this.#inUse(target)))
      return
    }
    this.#binding = binding
    this.#hold.active = true
    binding.ready.then(
      () => process.nextTick(() => this.#binding === binding && this.emit('listening')),
      (error: unknown) => process.nextTick(() => this.#onListenError(binding, error))
    )
  }

  #onListenError(binding: Binding, error: unknown): void {
    if (this.#binding !== binding) return
    this.#binding = undefined
    this.#hold.active = false
    const taken = error instanceof PointSubError && error.code === 'ERR_PROTOCOL_EXISTS'
    this.emit('error', taken ? this.#inUse({ protocol: binding.protocol }, error) : error)
  }

  #inUse(target: ListenTarget, cause?: unknown): Error {
    const address = this.#network.localAddress
    const where = 'port' in target ? `${address}:${target.port}` : `${address} ${target.protocol}`
    return systemError('listen', 'EADDRINUSE', `: address already in use ${where}`, { address, ...target, cause })
  }

  #closeOn(signal: AbortSignal): void {
    checkAbortSignal('options.signal', signal)
    if (signal.aborted) {
      process.nextTick(() => this.close())
      return
    }
    const stop = addAbortListener(signal, () => this.close())
    this.once('close', () => stop[Symbol.dispose]())
  }

  #accept(conn: Conn, emit: (socket: Socket) => void): void {
    if (this.maxConnections !== undefined && this.maxConnections !== null && this._connections >= this.maxConnections) {
      this.emit('drop', this.#describe(conn))
      void conn.close({ unread: 'reset', linger: DROPPED }).catch(() => {})
      return
    }
    const { allowHalfOpen, pauseOnConnect, highWaterMark } = this
    const socket = new Socket({ allowHalfOpen, highWaterMark }, this.#network)._accept(conn, pauseOnConnect)
    this._connections += 1
    socket.server = this
    socket._server = this
    emit(socket)
    if (serverSockets.hasSubscribers) serverSockets.publish({ socket })
  }

  #describe(conn: Conn): DroppedConnection {
    return {
      localAddress: this.#network.localAddress,
      localPort: localPort(conn),
      localFamily: 'libp2p',
      remoteAddress: conn.remotePeer.toString(),
      remotePort: remotePort(conn),
      remoteFamily: 'libp2p'
    }
  }

  #closeIfDrained(): void {
    if (this.#binding === undefined && this._connections === 0) process.nextTick(() => this.emit('close'))
  }
}

/** An async listener failed, and the emitter captures rejections. On the prototype, so that a subclass may have its own. */
Object.defineProperty(Server.prototype, captureRejectionSymbol, {
  configurable: true,
  writable: true,
  value(this: Server, error: Error, event: string | symbol, socket: unknown): void {
    if (event === 'connection' && socket instanceof Socket) socket.destroy(error)
    else this.emit('error', error)
  }
})

function serverOptions(options: ServerOptions | ConnectionListener | null | undefined): ServerOptions {
  if (options === null || options === undefined || typeof options === 'function') return {}
  if (typeof options !== 'object') throw argumentTypeError('options', 'of type object', options)
  if (options.keepAliveInitialDelay !== undefined) {
    checkNumber('options.keepAliveInitialDelay', options.keepAliveInitialDelay)
  }
  if (options.highWaterMark !== undefined) checkNumber('options.highWaterMark', options.highWaterMark)
  return options
}

/** A {@link Server} as its users see it: also a `net.Server` wherever one is asked for. */
export type NetServer = Server & NodeServer
