import type { Connection, MessageStreamDirection, PeerId, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import { checkCount, checkMilliseconds } from '../core/arguments.ts'
import { concat } from '../core/bytes.ts'
import { Cancellation, type CancelOptions } from '../core/cancellation.ts'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import { ByteQueue } from './byte-queue.ts'
import { type Consumer, StreamReader } from './reader.ts'
import { watchForStall } from './stall-watch.ts'
import { closedStreamError, onStreamClose } from './stream-errors.ts'
import { readableStream, writableStream } from './web-streams.ts'
import { StreamWriter } from './writer.ts'

export interface CloseOptions {
  /**
   * Milliseconds without visible progress after which the peer is given up and the stream reset. Once libp2p has taken
   * everything, no progress is visible any more: so they must be enough to read a whole window. Default 30,000.
   */
  linger?: number | undefined
  /**
   * What becomes of bytes that still come: `'discard'` takes and forgets them, `'reset'` tells the peer by resetting the
   * stream, once what was written has gone out; at once when more than 64 KiB wait already. Default `'discard'`.
   */
  unread?: 'discard' | 'reset' | undefined
}

const LINGER = 30_000
/** Bytes unread that only a peer in the middle of a transfer leaves. */
const MUCH_UNREAD = 64 * 1024

/**
 * One libp2p stream as a byte pipe: Go's `net.Conn` in JavaScript. Backpressure works both ways, either side can end
 * its half, and nothing is lost silently: a reader gets every byte up to the peer's FIN, or an error.
 *
 * One reader and any number of writers may use it at a time.
 */
export class Conn implements AsyncDisposable {
  /** The libp2p stream below. Reading from it or writing to it directly is not possible any more. */
  readonly stream: Stream
  /** The libp2p connection below. */
  readonly connection: Connection
  readonly #reader: StreamReader
  readonly #writer: StreamWriter
  #closing: Promise<void> | undefined
  #closed: Promise<void> | undefined
  #abort: AbortController | undefined
  #readable: ReadableStream<Uint8Array> | undefined
  #writable: WritableStream<Uint8Array> | undefined

  /** Takes `stream` over; nobody else may use it from here on. */
  constructor(stream: Stream, connection: Connection) {
    this.stream = stream
    this.connection = connection
    this.#reader = new StreamReader(stream, connection)
    this.#writer = new StreamWriter(stream, connection)
  }

  get protocol(): string {
    return this.stream.protocol
  }

  get direction(): MessageStreamDirection {
    return this.stream.direction
  }

  get remotePeer(): PeerId {
    return this.connection.remotePeer
  }

  get remoteMultiaddr(): Multiaddr {
    return this.connection.remoteAddr
  }

  /** Bytes received so far, those not yet read included. */
  get bytesRead(): number {
    return this.#reader.bytesRead
  }

  /** Bytes handed to libp2p so far. */
  get bytesWritten(): number {
    return this.#writer.bytesWritten
  }

  /** Bytes received that nobody has read yet. */
  get bytesBuffered(): number {
    return this.#reader.buffered
  }

  /** Whether everything the peer will ever send has been read. */
  get readEnded(): boolean {
    return this.#reader.ended
  }

  /** Whether this side takes no more writes: it sent its FIN, or the stream is gone. */
  get writeEnded(): boolean {
    return this.#writer.ended
  }

  /** Bytes handed to libp2p that still wait for the peer to make room. */
  get bytesUnsent(): number {
    return this.stream.writeBufferLength
  }

  /** Aborted when the stream is gone in both directions; `reason` is a PointSubError if it did not end properly. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const controller = new AbortController()
      this.#abort = controller
      const abort = (error: PointSubError): void => controller.abort(this.#endedProperly ? undefined : error)
      if (this.stream.status === 'open') {
        onStreamClose(this.stream, this.connection, ({ error }) => abort(error))
      } else {
        abort(closedStreamError(this.stream, this.connection, undefined))
      }
    }
    return this.#abort.signal
  }

  /** Resolves when the stream is gone in both directions, however it ended. */
  get closed(): Promise<void> {
    this.#closed ??= new Promise(resolve => {
      if (this.stream.status === 'open') this.stream.addEventListener('close', () => resolve(), { once: true })
      else resolve()
    })
    return this.#closed
  }

  /**
   * The next bytes, as many as have come (at least one); null after the peer's FIN.
   *
   * @throws PointSubError `ERR_STREAM_RESET`, `ERR_CONNECTION_LOST`, `ERR_STREAM_CLOSED`, `ERR_TIMEOUT`, `ERR_ABORTED`
   */
  read(options?: CancelOptions): Promise<Uint8Array | null> {
    return this.#reader.read(options)
  }

  /**
   * Exactly `bytes` bytes, as Go's `io.ReadFull`.
   *
   * @throws PointSubError as {@link read}, and `ERR_UNEXPECTED_EOF` when the peer ends before; what had come can be read
   * again
   */
  async readFull(bytes: number, options: CancelOptions = {}): Promise<Uint8Array> {
    checkCount('what readFull() takes', bytes, 0)
    using cancellation = new Cancellation(options, 'readFull')
    const { signal } = options.signal === undefined && options.timeout === undefined ? options : cancellation
    const parts = new ByteQueue()
    let missing = bytes
    try {
      while (missing > 0) {
        const chunk = await this.#reader.read({ signal })
        if (chunk === null) {
          throw this.#error('ERR_UNEXPECTED_EOF', `the stream ended after ${bytes - missing} of ${bytes} bytes`)
        }
        parts.push(chunk.subarray(0, missing))
        this.#reader.unread(chunk.subarray(missing))
        missing -= Math.min(missing, chunk.byteLength)
      }
    } catch (error) {
      for (const part of parts.drain().toReversed()) this.#reader.unread(part)
      throw error
    }
    return concat(parts.drain(), bytes)
  }

  /**
   * Sends bytes. Writes of one tick go out together; the promise resolves when libp2p can take more, so awaiting it is
   * backpressure. `data` must not be changed afterwards. A rejection that nobody awaits is not an unhandled one.
   *
   * @throws PointSubError `ERR_STREAM_RESET`, `ERR_CONNECTION_LOST`, `ERR_STREAM_CLOSED`, `ERR_TIMEOUT`, `ERR_ABORTED`,
   * with `sent: false` when not a byte of `data` has left
   */
  write(data: Uint8Array | Uint8ArrayList, options?: CancelOptions): Promise<void> {
    return this.#writer.write(data, options)
  }

  /** Reading for adapters, without promises: bytes go to `consumer`, not to `read()`, once {@link flow} asks for them. */
  consume(consumer: Consumer): void {
    this.#reader.consume(consumer)
  }

  /** Lets bytes flow to the consumer. */
  flow(): void {
    this.#reader.flow()
  }

  /** Stops the flow; `rest`, what the consumer could not take, comes first when it goes on. */
  hold(rest?: Uint8Array): void {
    this.#reader.hold()
    if (rest !== undefined) this.#reader.unread(rest)
  }

  /** {@link write} for adapters: calls back, and bytes leave at once when none wait, the rest of the tick together. */
  send(data: Uint8Array | Uint8ArrayList, done: (error?: PointSubError) => void): void {
    this.#writer.send(data, done)
  }

  /** Sends what is pending, then a FIN: the peer reads to the end, and this side can still read. */
  closeWrite(): Promise<void> {
    return this.#writer.close()
  }

  /**
   * Ends both directions, as Go's `Close`: what was written still goes out, what comes is thrown away. Resolves when
   * libp2p has taken everything; a peer that stops reading, or does not end its side, is reset after `linger`.
   * @throws PointSubError when bytes written before could not be handed over
   */
  close(options: CloseOptions = {}): Promise<void> {
    const { linger = LINGER, unread = 'discard' } = options
    checkMilliseconds('linger', linger)
    this.#closing ??= this.#close(linger, unread)
    return this.#closing
  }

  /**
   * Ends both directions at once and tells the peer that something went wrong.
   * @param reason what reads and writes on this side fail with if it is a PointSubError, else the `cause` of that
   */
  reset(reason?: unknown): void {
    const error =
      reason instanceof PointSubError
        ? reason
        : this.#error('ERR_STREAM_CLOSED', 'the stream was reset on this side', reason)
    this.#reader.discard(error)
    this.stream.abort(error)
  }

  /**
   * Fails reads and writes with `ERR_TIMEOUT` from a moment on, as Go's `SetDeadline`; `undefined` takes it back.
   *
   * @param at milliseconds since the epoch or a Date
   */
  setDeadline(at: number | Date | undefined): void {
    this.setReadDeadline(at)
    this.setWriteDeadline(at)
  }

  /** {@link setDeadline} for reads only: the stream stays usable. */
  setReadDeadline(at: number | Date | undefined): void {
    this.#reader.setDeadline(at)
  }

  /** {@link setDeadline} for writes only. Bytes of a failed write with `sent: true` may still arrive. */
  setWriteDeadline(at: number | Date | undefined): void {
    this.#writer.setDeadline(at)
  }

  /** Reads to the peer's FIN. Leaving the loop early leaves the Conn open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) yield chunk
  }

  /** The reading half as a web stream; cancelling it resets the stream. */
  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= readableStream(this)
    return this.#readable
  }

  /** The writing half as a web stream: closing it sends a FIN, aborting it resets the stream. */
  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= writableStream(this)
    return this.#writable
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(linger: number, unread: 'discard' | 'reset'): Promise<void> {
    const midTransfer = this.bytesBuffered >= MUCH_UNREAD && this.bytesUnsent === 0 && this.#writer.idle
    if (unread === 'reset' && midTransfer) return this.reset()
    this.#reader.discard()
    let stopWatch = this.#watch(linger)
    void this.closed.then(() => stopWatch())
    try {
      await this.#writer.close()
    } finally {
      stopWatch()
      if (unread === 'reset') this.#reader.refuse()
      // From here on it is the peer's turn, so its time starts anew.
      if (this.stream.status === 'open') stopWatch = this.#watch(linger)
    }
  }

  /** Resets the stream when nothing moves for so long; returns how to stop that. */
  #watch(linger: number): () => void {
    const giveUp = (): void => this.reset(this.#error('ERR_TIMEOUT', 'the peer did not end the stream in time'))
    return watchForStall(() => this.bytesUnsent, linger, giveUp)
  }

  /** Whether both sides have sent their FIN. */
  get #endedProperly(): boolean {
    return this.stream.status === 'closed' && this.#reader.finished && this.#writer.finished
  }

  #error(code: ErrorCode, message: string, cause?: unknown): PointSubError {
    return new PointSubError(code, message, { peer: this.remotePeer.toString(), protocol: this.protocol, cause })
  }
}
