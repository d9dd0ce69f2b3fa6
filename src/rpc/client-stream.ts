import type { Conn } from '../conn/conn.ts'
import type { Cancellation } from '../core/cancellation.ts'
import { PointSubError } from '../core/errors.ts'
import { FrameDecoder } from '../frame/plain.ts'

/** How long a peer may take to end a stream that is not needed any more, in ms. */
const LINGER = 1_000

/**
 * How a stream ended: by the peer's FIN where an answer could have begun; by a reset, or before its first request;
 * unused, on this side; or otherwise.
 */
export type StreamEnd = 'fin' | 'refused' | 'unused' | 'failure'

/** One outbound stream of the plain wire: one request at a time, any number one after the other. */
export class ClientStream {
  readonly #conn: Conn
  readonly #decoder: FrameDecoder
  readonly #onEnd: (how: StreamEnd) => void
  #answer: PromiseWithResolvers<Uint8Array> | undefined
  #used = false
  /** Why no request can be sent on it any more. */
  #ended: PointSubError | undefined
  /** What had been written before the request in flight. */
  #writtenBefore = 0
  /** Requests answered so far. */
  requests = 0
  /** When the last answer came, on performance.now()'s clock. */
  lastUsed: number = performance.now()

  /** @param onEnd called once when the stream can serve no more requests */
  constructor(conn: Conn, maxBlockSize: number, onEnd: (how: StreamEnd) => void) {
    this.#conn = conn
    this.#decoder = new FrameDecoder(maxBlockSize)
    this.#onEnd = onEnd
    void this.#readAnswers()
  }

  /** Whether no request can be sent on it any more. */
  get ended(): boolean {
    return this.#ended !== undefined
  }

  get conn(): Conn {
    return this.#conn
  }

  /**
   * Sends a frame and resolves to the body of the answer. Whatever goes wrong ends the stream, for an answer that
   * comes too late must not be taken for the next one.
   *
   * @throws PointSubError with `sent`
   */
  async request(frame: Uint8Array, cancellation: Cancellation): Promise<Uint8Array> {
    const refusal = cancellation.reason ?? this.#ended
    if (refusal !== undefined) throw refusal.with({ sent: false })
    const answer = Promise.withResolvers<Uint8Array>()
    this.#answer = answer
    this.#used = true
    this.#writtenBefore = this.#conn.bytesWritten
    const takeBack = cancellation.onCancel(reason => this.#end(reason))
    // The answer decides, not the write: a peer may answer, or end the stream, before it has read everything.
    this.#conn.write(frame).catch((error: unknown) => this.#end(error))
    try {
      const body = await answer.promise
      this.requests += 1
      this.lastUsed = performance.now()
      return body
    } finally {
      takeBack()
      this.#answer = undefined
    }
  }

  /** Ends the stream politely if it is unused, at once otherwise; resolves when it is gone. */
  async close(reason: PointSubError): Promise<void> {
    if (this.#answer === undefined) this.#retire(reason, 'unused')
    else this.#end(reason)
    await this.#conn.closed
  }

  async #readAnswers(): Promise<void> {
    try {
      for (;;) {
        const chunk = await this.#conn.read()
        if (chunk === null) {
          this.#onFin()
          return
        }
        this.#decoder.push(chunk)
        for (let body = this.#decoder.next(); body !== undefined; body = this.#decoder.next()) this.#deliver(body)
      }
    } catch (error) {
      // A stream that was closed on this side stops reading with an error, too.
      if (this.#ended === undefined) this.#end(error)
    }
  }

  #deliver(body: Uint8Array): void {
    if (this.#answer === undefined) {
      throw this.#error('ERR_INVALID_FRAME', 'the peer sent an answer to no request')
    }
    const { resolve } = this.#answer
    this.#answer = undefined
    resolve(body)
  }

  #onFin(): void {
    if (this.#decoder.inFrame) {
      this.#end(this.#error('ERR_UNEXPECTED_EOF', 'the stream ended in the middle of an answer'))
    } else if (this.#answer !== undefined) {
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
    this.#conn.close({ linger: LINGER }).catch((error: unknown) => this.#conn.reset(asError(error)))
  }

  /** Fails the request in flight, if any, and gives the stream up. */
  #end(cause: unknown, how?: StreamEnd): void {
    const error = cause instanceof PointSubError ? cause : this.#error('ERR_STREAM_RESET', String(cause))
    this.#markEnded(error, how ?? (error.code === 'ERR_STREAM_RESET' ? 'refused' : 'failure'))
    const sent = this.#conn.bytesWritten > this.#writtenBefore
    this.#answer?.reject(error.with({ peer: this.#peer, protocol: this.#conn.protocol, sent }))
    this.#answer = undefined
    this.#conn.reset(error)
  }

  #markEnded(reason: PointSubError, how: StreamEnd): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.#onEnd(how)
  }

  get #peer(): string {
    return this.#conn.remotePeer.toString()
  }

  #error(code: 'ERR_INVALID_FRAME' | 'ERR_NO_RESPONSE' | 'ERR_STREAM_RESET' | 'ERR_UNEXPECTED_EOF', message: string) {
    return new PointSubError(code, message, { peer: this.#peer, protocol: this.#conn.protocol })
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
