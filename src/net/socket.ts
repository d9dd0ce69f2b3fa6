import { channel } from 'node:diagnostics_channel'
import { addAbortSignal } from 'node:stream'
import type { Conn } from '../conn/conn.ts'
import { localPort, type PeerAddress } from './addresses.ts'
import { checkFunction, timerDuration } from './arguments.ts'
import { ConnDuplex } from './conn-duplex.ts'
import { Connecting } from './connecting.ts'
import { Deadlines, type Moment } from './deadlines.ts'
import { Hold } from './hold.ts'
import { IdleTimer } from './idle-timer.ts'
import type { Network } from './network.ts'
import { nodeError, systemError } from './node-errors.ts'
import { parseTarget, splitArguments } from './targets.ts'
import type { Acceptor, ConnectOptions, SocketOptions } from './types.ts'

/** Where tracing tools learn of the sockets of a process. */
const clientSockets = channel('net.client.socket')

type WriteCallback = (error: Error | null | undefined) => void

/**
 * `net.Socket` over a libp2p stream: the same members, events and errors in the same order. Made by `createNet(host)`,
 * by its servers, or from any Conn by {@link Socket.from}.
 *
 * @see https://nodejs.org/api/net.html#class-netsocket, and docs/net.md for what is different
 */
export class Socket extends ConnDuplex {
  /** Milliseconds set by {@link setTimeout}. */
  timeout: number | undefined = undefined
  /** `address:port` of the attempts of the last `connect()`. */
  autoSelectFamilyAttemptedAddresses: string[] | undefined = undefined
  /** The server that accepted this socket. */
  server: unknown = null
  _server: Acceptor | null = null
  readonly #network: Network | undefined
  readonly #hold: Hold
  readonly #idle: IdleTimer
  /** The attempt to connect that is under way. */
  #attempt: Connecting | undefined
  /** Whether the peer is known and a connection to it on its way. */
  #dialling = false
  readonly #deadlines = new Deadlines()
  #resetting = false
  /** Whether a write from now on has to be told whose fault it is. */
  #endedByPeer = false
  /** Conns that still deliver what was written to them: more than one after a reconnect. */
  #closing = 0

  /** @param network which host it connects by; `createNet()` gives it */
  constructor(given?: SocketOptions | null, network?: Network) {
    const options = given ?? {}
    super(options)
    this.#network = network
    this.#hold = new Hold(network?.host)
    this.#idle = new IdleTimer(() => this._onTimeout())
    this.on('end', this.#onEnd)
    if (options.signal !== undefined) addAbortSignal(options.signal, this)
  }

  /** Any Conn as a Socket: one of `dial()`, `listen()` or a `Listener`. The Conn must not be used any more. */
  static override from(conn: Conn, options?: SocketOptions): Socket {
    // Not `new Socket`: createNet() gives the class it returns a host.
    return new this(options)._accept(conn)
  }

  connect(options: ConnectOptions, onConnect?: () => void): this
  connect(port: number | string, host?: string, onConnect?: () => void): this
  connect(portOrProtocol: number | string, onConnect?: () => void): this
  connect(...args: unknown[]): this {
    const { options, callback } = splitArguments(args)
    const target = parseTarget(options)
    if (this.#network === undefined) {
      throw new TypeError('this Socket has no host to connect by: make it by createNet(host).Socket or .connect()')
    }
    if (clientSockets.hasSubscribers) clientSockets.publish({ socket: this })
    if (callback !== undefined) this.once('connect', callback)
    if (this._conn !== undefined || this.connecting) {
      const code = this.connecting ? 'EALREADY' : 'EISCONN'
      return this.destroy(systemError('connect', code, target.host, { address: target.host, port: target.port }))
    }
    this._reset()
    this.#endedByPeer = false
    this.connecting = true
    this._unrefTimer()
    this.#attempt = new Connecting(this.#network, target, {
      onStep: (event, ...details) => this.#onStep(event, details),
      onConn: conn => this.#onConnect(conn),
      onError: error => this.destroy(error)
    })
    return this
  }

  /** Ends this side, and closes the socket as soon as everything has left. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Closes the socket and tells the peer so by a reset; an attempt to connect is waited for. */
  resetAndDestroy(): this {
    if (this.connecting) return this.once('connect', () => this.resetAndDestroy())
    if (this._conn === undefined) return this.destroy(nodeError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'))
    this.#resetting = true
    return this.destroy()
  }

  override write(chunk: unknown, callback?: WriteCallback): boolean
  override write(chunk: unknown, encoding: BufferEncoding, callback?: WriteCallback): boolean
  override write(chunk: unknown, encoding?: BufferEncoding | WriteCallback, callback?: WriteCallback): boolean {
    const onWritten = typeof encoding === 'function' ? encoding : callback
    if (this.#endedByPeer && this.writableEnded) return this.#writeAfterEnd(onWritten)
    return typeof encoding === 'string' ? super.write(chunk, encoding, onWritten) : super.write(chunk, onWritten)
  }

  /** Emits `'timeout'` once nothing was read or written for so long; 0 is never. */
  setTimeout(timeout: number, callback?: () => void): this {
    if (this.destroyed) return this
    this.timeout = timeout
    const ms = timerDuration('msecs', timeout)
    if (callback !== undefined) checkFunction('callback', callback)
    this.#idle.set(ms)
    if (callback !== undefined && ms === 0) this.removeListener('timeout', callback)
    if (callback !== undefined && ms > 0) this.once('timeout', callback)
    return this
  }

  /** Destroys the socket with `ETIMEDOUT` at a moment, as Go's `SetDeadline`; `undefined` takes it back. */
  setDeadline(at: Moment): this {
    return this.setReadDeadline(at).setWriteDeadline(at)
  }

  /** {@link setDeadline}, unless the peer has ended its side by then. */
  setReadDeadline(at: Moment): this {
    this.#deadlines.setRead(at, this._conn)
    return this
  }

  /** {@link setDeadline}, if a write waits at that moment or comes later. */
  setWriteDeadline(at: Moment): this {
    this.#deadlines.setWrite(at, this._conn)
    return this
  }

  /** Without effect: libp2p's connection below never waits to send. */
  setNoDelay(_noDelay?: boolean): this {
    return this
  }

  /** Without effect: libp2p keeps the connection below alive, which many sockets share. */
  setKeepAlive(_enable?: boolean, _initialDelay?: number): this {
    return this
  }

  /** Without effect, as {@link setNoDelay}. */
  setTypeOfService(_tos?: number): this {
    return this
  }

  /** Lets an open socket keep the process up, as it does by default. */
  ref(): this {
    this.#hold.referenced = true
    return this
  }

  /** Lets the process end although the socket is open. */
  unref(): this {
    this.#hold.referenced = false
    return this
  }

  /** An old name of `connecting`. */
  get _connecting(): boolean {
    return this.connecting
  }

  /** The own end. */
  address(): PeerAddress | Record<string, never> {
    const conn = this._conn
    if (conn === undefined || this.#network === undefined) return {}
    return { address: this.#network.localAddress, family: 'libp2p', port: localPort(conn), protocol: conn.protocol }
  }

  /** The own peer id, where the host is known. */
  get localAddress(): string | undefined {
    return this.address().address
  }

  get localPort(): number | undefined {
    return this.address().port
  }

  get localFamily(): string | undefined {
    return this.address().family
  }

  override _unrefTimer(): void {
    this.#idle.refresh()
  }

  _onTimeout(): void {
    if (this._isSending()) this.#idle.refresh()
    else this.emit('timeout')
  }

  /** Stands on `conn`, which is connected already. */
  _accept(conn: Conn, paused = false): this {
    this._attach(conn)
    if (paused) this.pause()
    else this.read(0)
    return this
  }

  protected override _activityChanged(): void {
    this.#hold.active = this._active || this.#dialling || this.#closing > 0
  }

  protected override _attach(conn: Conn): void {
    super._attach(conn)
    this.#deadlines.applyTo(conn)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const attempt = this.#attempt
    const conn = this._detach(error)
    this.connecting = false
    this.#attempt = undefined
    this.#dialling = false
    this.#idle.clear()
    attempt?.abort()
    if (conn === undefined) this._activityChanged()
    else void this.#close(conn)
    callback(error)
    // As a handle of Node's, which is closed after the other events of the turn.
    if (conn !== undefined || attempt !== undefined) setImmediate(() => this.emit('close', error !== null))
    else process.nextTick(() => this.emit('close'))
    this._server?._left()
    this._server = null
  }

  /** What was written still has to leave before the process may end. */
  async #close(conn: Conn): Promise<void> {
    this.#closing += 1
    this._activityChanged()
    if (this.#resetting) conn.reset()
    this.#resetting = false
    try {
      await conn.close({ unread: 'reset' })
    } catch {
      // Told by the events of the socket.
    }
    this.#closing -= 1
    this._activityChanged()
  }

  #onStep(event: string, args: unknown[]): void {
    this.connecting = event !== 'connectionAttemptFailed'
    if (event === 'connectionAttempt') {
      this.autoSelectFamilyAttemptedAddresses = [args.slice(0, 2).join(':')]
      this.#dialling = true
      this._activityChanged()
    }
    this.emit(event, ...args)
  }

  #onConnect(conn: Conn): void {
    this.#attempt = undefined
    this.#dialling = false
    this.connecting = false
    this._attach(conn)
    this._activityChanged()
    this._unrefTimer()
    this.emit('connect')
    try {
      this.emit('ready')
    } finally {
      this._connected()
    }
  }

  readonly #onEnd = (): void => {
    this.#endedByPeer = !this.allowHalfOpen
  }

  #writeAfterEnd(callback: WriteCallback | undefined): boolean {
    const error = nodeError(Error, 'EPIPE', 'This socket has been ended by the other party')
    if (callback !== undefined) process.nextTick(callback, error)
    this.destroy(error)
    return false
  }
}
