import { AsyncLocalStorage } from 'node:async_hooks'
import { Duplex } from 'node:stream'
import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Conn } from '../conn/conn.ts'
import type { PointSubError } from '../core/errors.ts'
import { remotePort } from './addresses.ts'
import { bytesWaiting, type Chunk, ownBytes, toBuffer } from './chunks.ts'
import { onceConnected } from './connecting.ts'
import { streamError } from './errors.ts'
import { nodeError } from './node-errors.ts'
import { type OnReadBuffer, onReadBuffer } from './on-read.ts'
import { checkSocketOptions } from './socket-options.ts'
import type { SocketOptions } from './types.ts'

type Callback = (error?: Error | null) => void

/**
 * A Duplex on a Conn that may come later, as `net.Socket` is one on a handle: what is written before waits, and nothing
 * is read ahead of what the stream asks for.
 */
export class ConnDuplex extends Duplex {
  connecting = false
  /** The Conn while it is connected and not destroyed. */
  protected _conn: Conn | undefined = undefined
  /** The last Conn, also after the end: for its addresses. */
  #lastConn: Conn | undefined
  readonly #onRead: OnReadBuffer | undefined
  /** Tells the stream that what was given to the Conn has left. */
  #sending: Callback | undefined
  #unsentBefore = 0
  /** Whether the Conn was asked for bytes. */
  #reading = false
  /** Whether the stream asked for bytes before there was a Conn. */
  #readWanted = false
  /** Whether the FIN is on its way. */
  #ending = false
  /** Whether `pause()` was called, which has to take effect between two buffers of `onread`. */
  #paused = false
  #bytesRead = 0
  /** Bytes given to the Conn, or waiting for one. */
  #bytesGiven = 0

  constructor(options: SocketOptions = {}) {
    checkSocketOptions(options)
    const allowHalfOpen = options.allowHalfOpen === true
    // The signal is the subclass's: one that is aborted already destroys what is not yet constructed.
    super({ ...options, signal: undefined, allowHalfOpen, emitClose: false, autoDestroy: true, decodeStrings: false })
    this.#onRead = onReadBuffer(options.onread)
  }

  get pending(): boolean {
    return this._conn === undefined
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /** Bytes handed to this side so far. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  /** Bytes written so far, those still waiting to leave included. */
  get bytesWritten(): number | undefined {
    // Code that looks at prototypes asks the getter there, too; `node:net` has nothing to say then.
    return #bytesGiven in this ? this.#bytesGiven + bytesWaiting(this) : undefined
  }

  /** Bytes written that wait to leave; undefined without a connection. */
  get bufferSize(): number | undefined {
    return this._conn === undefined && !this.connecting ? undefined : this.writableLength
  }

  /** The peer's id. */
  get remoteAddress(): string | undefined {
    return this.#lastConn?.remotePeer.toString()
  }

  get remotePort(): number | undefined {
    return this.#lastConn === undefined ? undefined : remotePort(this.#lastConn)
  }

  get remoteFamily(): string | undefined {
    return this.#lastConn === undefined ? undefined : 'libp2p'
  }

  get remotePeer(): PeerId | undefined {
    return this.#lastConn?.remotePeer
  }

  get remoteMultiaddr(): Multiaddr | undefined {
    return this.#lastConn?.remoteMultiaddr
  }

  get protocol(): string | undefined {
    return this.#lastConn?.protocol
  }

  /** The libp2p connection below, which other sockets to the peer share. */
  get connection(): Connection | undefined {
    return this.#lastConn?.connection
  }

  /** Whether anything is under way: a handle of Node's in this state would keep the process up. */
  protected get _active(): boolean {
    return this.#reading || this.#sending !== undefined || this.#ending
  }

  /** Called whenever bytes move, also by node:http. */
  _unrefTimer(): void {}

  /** Called when {@link _active} may have changed. */
  protected _activityChanged(): void {}

  /** Stands on `conn` from here on. */
  protected _attach(conn: Conn): void {
    this._conn = conn
    this.#lastConn = conn
    // Listeners run in the async context the socket was made in, as those of node:net do.
    const inContext = AsyncLocalStorage.snapshot()
    const onData = (chunk: Uint8Array): boolean => this.#onData(chunk)
    conn.consume({
      onData: chunk => inContext(onData, chunk),
      onEnd: error => inContext(() => this.#onEnd(conn, error))
    })
  }

  /** Begins anew, also when it was destroyed, before another connection. */
  protected _reset(): void {
    // net.Socket's own way, too; not in Node's types.
    const undestroy: unknown = Reflect.get(Duplex.prototype, '_undestroy')
    if (typeof undestroy === 'function') undestroy.call(this)
    this.#lastConn = undefined
    this.#bytesRead = 0
    this.#bytesGiven = 0
  }

  /** To be called when `connect` and `ready` have been told: nothing may be read before. */
  protected _connected(): void {
    if (this.#readWanted && this._conn !== undefined) this.#flow(this._conn)
    this.#readWanted = false
    if (!this.isPaused()) this.read(0)
  }

  /** Lets the Conn go; a write that is under way is told of it. */
  protected _detach(error: Error | null): Conn | undefined {
    const conn = this._conn
    const sending = this.#sending
    this._conn = undefined
    this.#sending = undefined
    this.#reading = false
    this.#ending = false
    if (sending !== undefined) process.nextTick(sending, error)
    return conn
  }

  /** Whether a write is under way of which something has left since the last call. */
  protected _isSending(): boolean {
    if (this._conn === undefined || this.#sending === undefined) return false
    const before = this.#unsentBefore
    this.#unsentBefore = this._conn.bytesUnsent
    return before !== this.#unsentBefore
  }

  override _read(): void {
    // With `onread` this is called only once: read() asks by itself.
    if (this.#onRead !== undefined) return
    if (this._conn === undefined) this.#readWanted = true
    else this.#flow(this._conn)
  }

  override pause(): this {
    this.#paused = true
    if (this.#onRead !== undefined && this._conn !== undefined) {
      this._conn.hold()
      this.#setReading(false)
    }
    return super.pause()
  }

  override resume(): this {
    this.#paused = false
    if (this.#onRead !== undefined && this._conn !== undefined) this.#flow(this._conn)
    return super.resume()
  }

  override read(size?: number): unknown {
    if (this.#onRead !== undefined && this._conn !== undefined) this.#flow(this._conn)
    return super.read(size)
  }

  override _write(chunk: Chunk, encoding: BufferEncoding, callback: Callback): void {
    this.#write(ownBytes(chunk, encoding, this._conn), callback)
  }

  override _writev(chunks: { chunk: Chunk; encoding: BufferEncoding }[], callback: Callback): void {
    const list = new Uint8ArrayList()
    list.appendAll(chunks.map(({ chunk, encoding }) => ownBytes(chunk, encoding, this._conn)))
    this.#write(list, callback)
  }

  override _final(callback: Callback): void {
    if (this.connecting) {
      this.once('connect', () => this._final(callback))
      return
    }
    const conn = this._conn
    if (conn === undefined) {
      callback()
      return
    }
    this.#ending = true
    // In a turn of its own: what a listener throws must not become a rejection.
    conn.closeWrite().then(
      () => process.nextTick(() => this.#ended(callback)),
      (error: PointSubError) =>
        process.nextTick(() => this.#ended(callback, streamError('shutdown', error, conn.readEnded)))
    )
  }

  #ended(callback: Callback, error?: Error): void {
    this.#ending = false
    this._activityChanged()
    callback(error)
  }

  #flow(conn: Conn): void {
    const isNew = this.#setReading(true)
    if (this.#onRead === undefined) conn.flow()
    // read() and resume() both ask, and the callback may stop the flow between the two.
    else if (isNew) setImmediate(() => this.#reading && conn.flow())
  }

  /** @returns whether that is new */
  #setReading(reading: boolean): boolean {
    if (reading === this.#reading) return false
    this.#reading = reading
    this._activityChanged()
    return true
  }

  #write(data: Uint8Array | Uint8ArrayList, callback: Callback): void {
    if (this.connecting || this._conn !== undefined) this.#bytesGiven += data.byteLength
    if (this.connecting) onceConnected(this, () => this.#send(data, callback), callback)
    else this.#send(data, callback)
  }

  #send(data: Uint8Array | Uint8ArrayList, callback: Callback): void {
    const conn = this._conn
    if (conn === undefined) {
      callback(nodeError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'))
      return
    }
    this._unrefTimer()
    this.#sending = callback
    if (!this.#reading) this._activityChanged()
    conn.send(data, error => {
      if (this._conn !== conn) return
      this.#sending = undefined
      if (!this.#reading) this._activityChanged()
      this._unrefTimer()
      callback(error === undefined ? null : streamError('write', error, conn.readEnded))
    })
    this.#unsentBefore = conn.bytesUnsent
  }

  #onData(chunk: Uint8Array): boolean {
    this._unrefTimer()
    this.#bytesRead += chunk.byteLength
    const more = this.#onRead === undefined ? this.push(toBuffer(chunk)) : this.#deliver(this.#onRead, chunk)
    if (!more) this.#setReading(false)
    return more
  }

  #deliver(onRead: OnReadBuffer, chunk: Uint8Array): boolean {
    const rest = onRead.deliver(this, chunk, () => this.#paused || this.destroyed)
    if (rest === undefined) return true
    this.#bytesRead -= rest.byteLength
    this._conn?.hold(rest)
    return false
  }

  #onEnd(conn: Conn, error: PointSubError | undefined): void {
    this.#setReading(false)
    if (error === undefined) {
      this.push(null)
      // Lets 'end' come although nobody asks for bytes that will not come.
      this.read(0)
    } else {
      this.destroy(streamError('read', error, conn.readEnded))
    }
  }
}
