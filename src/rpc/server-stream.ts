import type { Conn } from '../conn/conn.ts'
import { toPointSubError } from '../conn/stream-errors.ts'
import { type ErrorCode, messageOf, PointSubError } from '../core/errors.ts'
import type { ServerSettings } from '../core/options.ts'
import { encodeFrame, FrameDecoder } from '../frame/plain.ts'
import { HandlerCall } from './handler-call.ts'
import type { MemoryBudget, MemoryHolder, MemoryShare } from '../core/memory-budget.ts'
import type { ServedStream } from './served-stream.ts'
import type { Counters, Handler } from './types.ts'

/** How long a peer may take to read the last answer and to end a stream that was ended here, in ms. */
const LINGER = 10_000
/** The same for a stream that has been idle: nothing can be unread there. */
const IDLE_LINGER = 1_000

type State = 'idle' | 'reading' | 'handling' | 'writing' | 'ended'

export interface ServerStreamInit {
  readonly handler: Handler
  readonly options: ServerSettings
  readonly metrics: Counters
  readonly budget: MemoryBudget
  /** Called when the handler failed, or the stream broke off in the middle of something. */
  onFailure(error: PointSubError): void
}

/**
 * One inbound stream of the plain wire: requests are answered one after the other, in order. While one is handled the
 * flow of bytes is held, so a peer that sends more of them is slowed by backpressure.
 */
export class ServerStream implements ServedStream, MemoryHolder {
  readonly conn: Conn
  readonly isRaw = false
  readonly wire = 'plain'
  readonly createdAt: number = performance.now()
  readonly #init: ServerStreamInit
  readonly #decoder: FrameDecoder
  readonly #share: MemoryShare
  #state: State = 'idle'
  #stopping = false
  #isWatching = false
  /** Bytes that waited to be taken by the peer, at the last look. */
  #unsent = 0
  /** The frame being written. */
  #answer: Uint8Array | undefined
  #call: HandlerCall | undefined
  requests = 0
  lastActive: number = this.createdAt

  constructor(conn: Conn, init: ServerStreamInit) {
    const { options, budget } = init
    this.conn = conn
    this.#init = init
    this.#decoder = new FrameDecoder(options.maxBlockSize, options.bufferPoolSize)
    this.#share = budget.open(conn.remotePeer.toString(), this)
    conn.consume({ onData: chunk => this.#onData(chunk), onEnd: error => this.#onEnd(error) })
    void conn.closed.then(() => this.#onClosed())
    conn.flow()
  }

  get isIdle(): boolean {
    return this.#state === 'idle'
  }

  /** A handler keeps its request, whatever becomes of the stream. */
  get bytesKept(): number {
    return this.#call?.bytes ?? 0
  }

  stop(): void {
    this.#stopping = true
    if (this.#state === 'idle') this.#close(IDLE_LINGER)
  }

  kill(reason: PointSubError): void {
    if (this.#state === 'idle') this.#state = 'ended'
    if (this.#state === 'ended') this.conn.reset(reason)
    else this.#fail(reason)
  }

  shed(reason: PointSubError): void {
    this.#fail(reason.with(this.#names))
  }

  sweep(now: number): void {
    const waited = now - this.lastActive
    const { idleTimeout, readTimeout, writeTimeout } = this.#init.options
    if (this.#state === 'idle' && waited > idleTimeout) this.stop()
    if (this.#state === 'reading' && waited > readTimeout) this.#timeOut('readTimeout', readTimeout)
    if (this.#state === 'writing' && !this.#progressed(now) && waited > writeTimeout) {
      this.#timeOut('writeTimeout', writeTimeout)
    }
    this.#account()
  }

  /** Whether the peer has taken anything of the answer since the last look. */
  #progressed(now: number): boolean {
    const unsent = this.conn.bytesUnsent
    if (unsent === this.#unsent) return false
    this.#unsent = unsent
    this.lastActive = now
    return true
  }

  #onData(chunk: Uint8Array): boolean {
    this.#decoder.push(chunk)
    return this.#advance()
  }

  /** Handles the next request, if it is there; whether more bytes are wanted now. */
  #advance(): boolean {
    let request: Uint8Array | undefined
    try {
      request = this.#decoder.next()
    } catch (error) {
      this.#fail(error)
      return false
    }
    if (request === undefined) {
      this.#enter(this.#decoder.inFrame ? 'reading' : 'idle')
      return this.#state !== 'ended'
    }
    this.#handle(request)
    return false
  }

  #handle(request: Uint8Array): void {
    const { metrics, handler } = this.#init
    this.#account(request.byteLength)
    // The state is still the one before: this stream may have been the one that had to give up its bytes.
    if (this.#state === 'ended') return
    const refusal = this.#refusal
    if (refusal !== undefined) {
      this.#fail(refusal)
      return
    }
    metrics.totalRequests += 1
    metrics.activeRequests += 1
    metrics.bytesRead += request.byteLength
    this.#state = 'handling'
    this.lastActive = performance.now()
    this.#call = new HandlerCall(request, { peer: this.conn.remotePeer, protocol: this.conn.protocol })
    this.#call.run(
      handler,
      answer => this.#onAnswer(answer),
      cause => this.#onHandlerFailed(cause)
    )
    if (this.#call !== undefined) this.#watch()
  }

  /** Tells handlers when the stream is gone; there is nothing to tell those that answer at once. */
  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    const { signal } = this.conn
    const onAbort = (): void => this.#call?.abort(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  }

  get #refusal(): PointSubError | undefined {
    const { metrics, options } = this.#init
    if (this.#share.isOver)
      return this.#error('ERR_MEMORY_LIMIT', 'a request was refused: handlers hold too many bytes')
    if (metrics.activeRequests < options.maxConcurrentRequests) return undefined
    return this.#error('ERR_OVERLOADED', 'a request was refused: as many are handled as maxConcurrentRequests allows')
  }

  #onAnswer(answer: Uint8Array): void {
    const frame = this.#encode(answer)
    if (frame === undefined) return
    this.#onHandled()
    this.#answer = frame
    this.#enter('writing')
    if (this.#state !== 'writing') return
    this.conn.send(frame, error => this.#onSent(answer.byteLength, error))
    // The FIN goes out with the last answer, so that the peer does not send one more request.
    if (this.requests + 1 >= this.#init.options.maxRequestsPerConn) this.conn.closeWrite().catch(() => {})
  }

  #encode(answer: Uint8Array): Uint8Array | undefined {
    try {
      return encodeFrame(answer, this.#init.options.maxBlockSize)
    } catch (error) {
      this.#onHandlerFailed(error)
      return undefined
    }
  }

  #onSent(bytes: number, error: PointSubError | undefined): void {
    this.#answer = undefined
    if (this.#state !== 'writing') return
    if (error !== undefined) {
      this.#fail(error)
      return
    }
    this.requests += 1
    this.#init.metrics.bytesWritten += bytes
    this.#enter('idle')
    if (this.#stopping || this.requests >= this.#init.options.maxRequestsPerConn) this.#close(LINGER)
    else if (this.#advance()) this.conn.flow()
  }

  /** A FIN instead of an answer is how this wire says that the handler failed. */
  #onHandlerFailed(cause: unknown): void {
    this.#onHandled()
    if (this.#state === 'ended') return
    this.#init.metrics.failedRequests += 1
    this.#close(LINGER)
    this.#init.onFailure(
      cause instanceof PointSubError && cause.code === 'ERR_MESSAGE_TOO_LARGE'
        ? cause.with(this.#names)
        : this.#error('ERR_HANDLER_FAILED', `the handler failed: ${messageOf(cause)}`, cause)
    )
  }

  #onHandled(): void {
    this.#init.metrics.activeRequests -= 1
    this.#call = undefined
    this.#account()
    if (this.conn.stream.status !== 'open') this.#onClosed()
  }

  #onEnd(error: PointSubError | undefined): void {
    if (this.#state === 'ended') return
    // A stream that goes away between two requests is an end like a FIN.
    if (this.#state === 'idle') this.#close(LINGER)
    else this.#fail(error ?? this.#error('ERR_UNEXPECTED_EOF', 'the stream ended in the middle of a request'))
  }

  /** Ends the stream politely. */
  #close(linger: number): void {
    this.#state = 'ended'
    this.#decoder.clear()
    this.conn.close({ linger }).catch((error: unknown) => this.#init.onFailure(this.#asPointSubError(error)))
  }

  /** Resets the stream in the middle of something. */
  #fail(cause: unknown): void {
    if (this.#state === 'ended') return
    if (this.#state === 'handling' || this.#state === 'writing') this.#init.metrics.failedRequests += 1
    this.#state = 'ended'
    this.#decoder.clear()
    const error = this.#asPointSubError(cause)
    this.conn.reset(error)
    this.#init.onFailure(error)
  }

  #onClosed(): void {
    if (this.#call === undefined) {
      this.#share.close()
      return
    }
    // The request is its handler's until that has ended; what came behind it will never be answered.
    this.#decoder.clear()
    this.conn.reset()
    this.#account()
  }

  #enter(state: State): void {
    if (this.#state === 'ended') return
    this.#state = state
    this.lastActive = performance.now()
    this.#account()
  }

  /** Tells how many bytes the stream holds, besides a request being handed to the handler. */
  #account(request: number = this.#call?.bytes ?? 0): void {
    const unread = this.#decoder.bytesHeld + this.conn.bytesBuffered
    this.#share.set(unread + request + (this.#answer?.byteLength ?? 0))
  }

  #timeOut(option: string, limit: number): void {
    this.#fail(this.#error('ERR_TIMEOUT', `the peer took longer than ${option}, ${limit} ms`))
  }

  get #names(): { peer: string; protocol: string } {
    return { peer: this.conn.remotePeer.toString(), protocol: this.conn.protocol }
  }

  #asPointSubError(cause: unknown): PointSubError {
    return toPointSubError(cause, 'ERR_STREAM_RESET', 'the stream failed', this.#names)
  }

  #error(code: ErrorCode, message: string, cause?: unknown): PointSubError {
    return new PointSubError(code, message, { ...this.#names, cause })
  }
}
