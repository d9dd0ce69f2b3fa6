import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { Cancellation, type CancelOptions } from '../core/cancellation.ts'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import { ByteQueue } from './byte-queue.ts'
import { Deadline } from './deadline.ts'
import { type ClosedStream, closedStreamError, onStreamClose } from './stream-errors.ts'

/** Bytes queued here at which the stream is paused, and at which it is resumed. */
const HIGH_WATER = 64 * 1024
const LOW_WATER = 16 * 1024

/**
 * A paused stream still receives what its window allows (16 MiB at most), but libp2p resets it at 4 MiB unless told
 * otherwise. The extra room is for what arrived before the pause.
 */
const READ_BUFFER = 16 * 1024 * 1024 + HIGH_WATER

interface Waiter {
  resolve(chunk: Uint8Array | null): void
  reject(error: PointSubError): void
}

/** Takes bytes as they come; see {@link Conn.consume}. */
export interface Consumer {
  /** The next bytes; false stops the flow until it is asked for again. */
  onData(chunk: Uint8Array): boolean
  /** Nothing more will come: undefined after the peer's FIN, an error after anything else. Called once. */
  onEnd(error: PointSubError | undefined): void
}

/** The reading half of a Conn: libp2p's pushed messages as a pull, or as a push, with backpressure. */
export class StreamReader {
  readonly #stream: Stream
  readonly #connection: Connection
  readonly #deadline = new Deadline(() => this.#expire())
  readonly #queue = new ByteQueue()
  readonly #waiters: Waiter[] = []
  #consumer: Consumer | undefined
  /** Whether the consumer wants more. */
  #flowing = false
  /** Whether what waits is being handed to the consumer: what comes meanwhile has to queue behind it. */
  #pumping = false
  /** Set once the peer has sent its last byte: null after a FIN, an error after anything else. */
  #end: PointSubError | null | undefined
  /** What reads fail with once nobody wants the bytes any more. */
  #discarded: PointSubError | undefined
  /** Bytes that nobody will read reset the stream, as they do in TCP. */
  #refusing = false
  #resuming = false
  bytesRead = 0

  constructor(stream: Stream, connection: Connection) {
    this.#stream = stream
    this.#connection = connection
    stream.maxReadBufferLength = Math.max(stream.maxReadBufferLength, READ_BUFFER)
    // The stream may have ended before this reader came to it, and libp2p does not repeat its events.
    if (stream.status !== 'open') {
      this.#end = closedStreamError(stream, connection, undefined)
    } else if (stream.remoteWriteStatus === 'closed') {
      this.#end = null
    }
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('remoteCloseWrite', this.#onFin)
    stream.addEventListener('end', this.#onLibp2pEnd)
    onStreamClose(stream, connection, closed => this.#onClose(closed))
  }

  /** Whether every byte has been read and no more will come. */
  get ended(): boolean {
    return this.#end !== undefined && this.#queue.byteLength === 0 && this.#stream.readBufferLength === 0
  }

  /** Whether the peer has sent its FIN, read or not. */
  get finished(): boolean {
    return this.#end === null
  }

  /** Bytes that have arrived and were not read, libp2p's buffer of a paused stream included. */
  get buffered(): number {
    return this.#queue.byteLength + this.#stream.readBufferLength
  }

  /** The next bytes, or null after the peer's FIN. */
  read(options?: CancelOptions): Promise<Uint8Array | null> {
    if (this.#discarded !== undefined) return Promise.reject(this.#discarded)
    if (this.#deadline.passed) return Promise.reject(this.#timeout())
    if (options?.signal?.aborted === true) return this.#waitCancellable(options)
    const ready = this.#take()
    if (ready !== undefined) return Promise.resolve(ready)
    if (this.ended) {
      this.#finish()
      return this.#end instanceof PointSubError ? Promise.reject(this.#end) : Promise.resolve(null)
    }
    if (options?.signal === undefined && options?.timeout === undefined) return this.#wait()
    return this.#waitCancellable(options)
  }

  /** Puts bytes back in front of those to come. */
  unread(chunk: Uint8Array): void {
    if (chunk.byteLength > 0) this.#queue.unshift(chunk)
  }

  setDeadline(at: number | Date | undefined): void {
    if (this.#discarded === undefined && !this.ended) this.#deadline.set(at)
  }

  /** Bytes go to `consumer` from now on, as soon as {@link flow} asks for them. */
  consume(consumer: Consumer): void {
    if (this.#consumer !== undefined) throw this.#error('ERR_INVALID_ARGUMENT', 'the stream has a consumer already')
    this.#consumer = consumer
  }

  /** Lets bytes flow to the consumer until it returns false. */
  flow(): void {
    this.#flowing = this.#consumer !== undefined
    if (this.#pumping) return
    this.#pumping = true
    let done = false
    try {
      while (this.#flowing) {
        const chunk = this.#take()
        if (chunk === undefined) break
        this.#offer(chunk)
      }
      done = true
    } finally {
      this.#pumping = false
      // What a consumer throws is its caller's to hear, but must not stop the flow.
      if (!done && this.#flowing) queueMicrotask(() => this.flow())
    }
    this.#onEnd()
  }

  /** Stops what {@link flow} started. */
  hold(): void {
    this.#flowing = false
  }

  /** After {@link discard}: resets the stream as soon as bytes come. */
  refuse(): void {
    this.#refusing = true
  }

  /** Throws away what has come and all that will; reads fail with `reason`. */
  discard(reason: PointSubError = this.#closedHere()): void {
    this.#discarded ??= reason
    this.#consumer = undefined
    this.#queue.clear()
    this.#deadline.clear()
    this.#rejectWaiters(reason)
    this.#resume()
  }

  #take(): Uint8Array | undefined {
    if (this.#queue.byteLength === 0) this.#resume()
    const chunk = this.#queue.shift()
    if (chunk !== undefined && this.#queue.byteLength <= LOW_WATER) this.#resume()
    return chunk
  }

  #wait(): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
    })
  }

  async #waitCancellable(options: CancelOptions): Promise<Uint8Array | null> {
    using cancellation = new Cancellation(options, 'read')
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | null>()
    const waiter: Waiter = { resolve, reject }
    this.#waiters.push(waiter)
    cancellation.onCancel(reason => {
      const at = this.#waiters.indexOf(waiter)
      if (at !== -1) this.#waiters.splice(at, 1)
      reject(reason)
    })
    return await promise
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    const { data } = event
    this.bytesRead += data.byteLength
    if (this.#discarded !== undefined) {
      if (this.#refusing) this.#stream.abort(this.#closedHere())
      return
    }
    // Straight through when nothing waits; the parts of a list queue, or one that throws would cost the others.
    const direct = this.#flowing && !this.#pumping && this.#queue.byteLength === 0
    try {
      if (direct && data instanceof Uint8Array) this.#offer(data)
      else this.#enqueue(data)
    } finally {
      if (this.#end !== undefined) this.#onEnd()
      if (!this.#resuming) this.#pauseIfFull()
    }
  }

  #enqueue(data: Uint8Array | Uint8ArrayList): void {
    if (data instanceof Uint8Array) this.#push(data)
    else for (const part of data) this.#push(part)
    if (this.#flowing) this.flow()
  }

  #offer(chunk: Uint8Array): void {
    const more = this.#consumer?.onData(chunk) === true
    if (!more) this.#flowing = false
  }

  #pauseIfFull(): void {
    // pause() throws once the readable end is closing.
    if (this.#queue.byteLength >= HIGH_WATER && this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  #push(part: Uint8Array): void {
    const chunk = plain(part)
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#queue.push(chunk)
    else waiter.resolve(chunk)
  }

  readonly #onFin = (): void => {
    this.#end ??= null
    this.#onLibp2pEnd()
  }

  /** A yamux frame may carry both data and FIN, and libp2p tells of the FIN first. */
  readonly #onLibp2pEnd = (): void => {
    queueMicrotask(() => this.#onEnd())
  }

  #onEnd(): void {
    if (this.ended) this.#finish()
  }

  #onClose({ local, error }: ClosedStream): void {
    // What the peer sent before its FIN stays readable when it resets later; a reset on this side throws it away.
    if (this.#end === undefined || (local && !this.ended)) this.#end = error
    this.#onEnd()
  }

  #finish(): void {
    this.#deadline.clear()
    this.#stream.removeEventListener('message', this.#onMessage)
    this.#stream.removeEventListener('remoteCloseWrite', this.#onFin)
    this.#stream.removeEventListener('end', this.#onLibp2pEnd)
    for (const waiter of this.#waiters.splice(0)) {
      if (this.#end instanceof PointSubError) waiter.reject(this.#end)
      else waiter.resolve(null)
    }
    if (!this.#flowing) return
    const consumer = this.#consumer
    this.#consumer = undefined
    consumer?.onEnd(this.#end ?? undefined)
  }

  /** A consumer always waits for bytes, so it is told at once. */
  #expire(): void {
    const consumer = this.#consumer
    this.#consumer = undefined
    this.#flowing = false
    consumer?.onEnd(this.#timeout())
    this.#rejectWaiters(this.#timeout())
  }

  #rejectWaiters(error: PointSubError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }

  #resume(): void {
    if (this.#stream.readStatus !== 'paused' || this.#resuming) return
    // resume() first hands over what libp2p held back and then asks the peer for more, so a pause in between is lost.
    this.#resuming = true
    try {
      this.#stream.resume()
    } catch {
      // The connection is gone, so the peer could not be asked; the bytes have been handed over by now.
    }
    this.#resuming = false
    this.#pauseIfFull()
  }

  #timeout(): PointSubError {
    return this.#error('ERR_TIMEOUT', 'the read deadline has passed')
  }

  #closedHere(): PointSubError {
    return this.#error('ERR_STREAM_CLOSED', 'the stream was closed on this side')
  }

  #error(code: ErrorCode, message: string): PointSubError {
    const peer = this.#connection.remotePeer.toString()
    return new PointSubError(code, message, { peer, protocol: this.#stream.protocol })
  }
}

/** Node's Buffer has methods that mean something else (`slice()` shares memory) and compares unequal to a Uint8Array. */
function plain(chunk: Uint8Array): Uint8Array {
  return chunk.constructor === Uint8Array ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}
