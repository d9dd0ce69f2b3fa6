import type { Conn } from '../conn/conn.ts'
import type { Cancellation } from '../core/cancellation.ts'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import type { ClientSettings } from '../core/options.ts'
import { FrameDecoder } from '../frame/plain.ts'
import type { Clocked } from './served-stream.ts'
import type { Sweepable } from './sweeper.ts'

/** How long a peer may take to end a stream that is not needed any more, in ms. */
const LINGER = 1_000

/**
 * How a stream ended: by the peer's FIN where an answer could have begun; by a reset, or before its first request;
 * unused, on this side; or otherwise.
 */
export type StreamEnd = 'fin' | 'refused' | 'unused' | 'failure'

interface Call {
  readonly answer: PromiseWithResolvers<Uint8Array>
  /** Takes the call's interest in its cancellation back. */
  takeBack: (() => void) | undefined
  /** Whether libp2p has taken the whole request. */
  written: boolean
}

/** One outbound stream of the plain wire: one request at a time, any number one after the other. */
export class ClientStream implements Sweepable, Clocked {
  readonly conn: Conn
  readonly wire = 'plain'
  readonly createdAt: number = performance.now()
  readonly #options: ClientSettings
  readonly #decoder: FrameDecoder
  readonly #onEnd: (stream: ClientStream, how: StreamEnd) => void
  #call: Call | undefined
  #used = false
  /** Why no request can be sent on it any more. */
  #ended: PointSubError | undefined
  /** What had been written before the request in flight. */
  #writtenBefore = 0
  #unsent = 0
  /** Requests answered so far. */
  requests = 0
  /** When something last happened on it, on performance.now()'s clock. */
  lastActive: number = this.createdAt

  /** @param onEnd called once when the stream can serve no more requests */
  constructor(conn: Conn, options: ClientSettings, onEnd: (stream: ClientStream, how: StreamEnd) => void) {
    this.conn = conn
    this.#options = options
    this.#decoder = new FrameDecoder(options.maxBlockSize)
    this.#onEnd = onEnd
    conn.consume({ onData: chunk => this.#onData(chunk), onEnd: error => this.#onConnEnd(error) })
    conn.flow()
  }

  /** Whether no request can be sent on it any more. */
  get ended(): boolean {
    return this.#ended !== undefined
  }

  /** Whether a request could be sent on it now. */
  get isIdle(): boolean {
    return this.#ended === undefined && this.#call === undefined
  }

  /**
   * Sends a frame and resolves to the body of the answer. Whatever goes wrong ends the stream, for an answer that
   * comes too late must not be taken for the next one.
   *
   * @throws PointSubError with `sent`
   */
  request(frame: Uint8Array, cancellation: Cancellation): Promise<Uint8Array> {
    const refusal = cancellation.reason ?? this.#ended
    if (refusal !== undefined) return Promise.reject(refusal.with({ sent: false }))
    this.#used = true
    this.#writtenBefore = this.conn.bytesWritten
    this.lastActive = performance.now()
    const call: Call = { answer: Promise.withResolvers(), takeBack: undefined, written: false }
    this.#call = call
    // No closure here holds the frame: an error keeps the functions alive that it was made in.
    call.takeBack = cancellation.onCancel(reason => this.#end(reason))
    // The answer decides, not the write: a peer may answer, or end the stream, before it has read everything.
    this.conn.send(frame, error => this.#onWritten(call, error))
    return call.answer.promise
  }

  /** Ends the stream politely if it is unused, at once otherwise; resolves when it is gone. */
  async close(reason: PointSubError): Promise<void> {
    if (this.#call === undefined) this.#retire(reason, 'unused')
    else this.#end(reason)
    await this.conn.closed
  }

  sweep(now: number): void {
    if (this.#call === undefined) return
    const { readTimeout, writeTimeout } = this.#options
    const unsent = this.conn.bytesUnsent
    if (unsent !== this.#unsent) {
      this.#unsent = unsent
      this.lastActive = now
    }
    const waited = now - this.lastActive
    const [option, limit] = this.#call.written ? ['readTimeout', readTimeout] : ['writeTimeout', writeTimeout]
    if (waited <= limit) return
    const what = this.#call.written ? 'answer' : 'take the request'
    this.#end(this.#error('ERR_TIMEOUT', `the peer took longer to ${what} than ${option}, ${limit} ms`))
  }

  #onData(chunk: Uint8Array): boolean {
    this.lastActive = performance.now()
    this.#decoder.push(chunk)
    try {
      for (let body = this.#decoder.next(); body !== undefined; body = this.#decoder.next()) this.#deliver(body)
    } catch (error) {
      this.#end(error)
    }
    return this.#ended === undefined
  }

  #onWritten(call: Call, error: PointSubError | undefined): void {
    call.written = true
    if (error !== undefined && this.#call === call) this.#end(error)
  }

  #deliver(body: Uint8Array): void {
    const call = this.#call
    if (call === undefined) throw this.#error('ERR_INVALID_FRAME', 'the peer sent an answer to no request')
    this.#call = undefined
    this.requests += 1
    call.takeBack?.()
    call.answer.resolve(body)
  }

  #onConnEnd(error: PointSubError | undefined): void {
    if (this.#ended !== undefined) return
    if (error !== undefined) {
      this.#end(error)
    } else if (this.#decoder.inFrame) {
      this.#end(this.#error('ERR_UNEXPECTED_EOF', 'the stream ended in the middle of an answer'))
    } else if (this.#call !== undefined) {
      const message = 'the peer ended the stream without an answer; its handler may have failed'
      this.#end(this.#error('ERR_NO_RESPONSE', message), 'fin')
    } else {
      this.#retire(
        this.#error('ERR_NO_RESPONSE', 'the peer ended the stream before the request'),
        this.#used ? 'fin' : 'refused'
      )
    }
  }

  /** Ends a stream that carries no request. */
  #retire(reason: PointSubError, how: StreamEnd): void {
    this.#markEnded(reason, how)
    this.conn.close({ linger: LINGER }).catch((error: unknown) => this.conn.reset(error))
  }

  /** Fails the request in flight, if any, and gives the stream up. */
  #end(cause: unknown, how?: StreamEnd): void {
    const error = cause instanceof PointSubError ? cause : this.#error('ERR_STREAM_RESET', String(cause))
    this.#markEnded(error, how ?? (error.code === 'ERR_STREAM_RESET' ? 'refused' : 'failure'))
    const sent = this.conn.bytesWritten > this.#writtenBefore
    const call = this.#call
    this.#call = undefined
    call?.takeBack?.()
    call?.answer.reject(error.with({ peer: this.#peer, protocol: this.conn.protocol, sent }))
    this.conn.reset(error)
  }

  #markEnded(reason: PointSubError, how: StreamEnd): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.#onEnd(this, how)
  }

  get #peer(): string {
    return this.conn.remotePeer.toString()
  }

  #error(code: ErrorCode, message: string): PointSubError {
    return new PointSubError(code, message, { peer: this.#peer, protocol: this.conn.protocol })
  }
}
