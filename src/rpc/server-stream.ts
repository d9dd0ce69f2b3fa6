import type { Conn } from '../conn/conn.ts'
import { toPointSubError } from '../conn/stream-errors.ts'
import { messageOf, PointSubError } from '../core/errors.ts'
import type { OPTIONS, Resolved } from '../core/options.ts'
import { encodeFrame, FrameDecoder } from '../frame/plain.ts'
import type { Sweepable } from './sweeper.ts'
import type { Handler, RequestContext } from './types.ts'

/** How long a peer may take to read the last answer and to end a stream that was ended here, in ms. */
const LINGER = 10_000
/** The same for a stream that has been idle: nothing can be unread there. */
const IDLE_LINGER = 1_000

type State = 'idle' | 'reading' | 'handling' | 'writing'

/** One inbound stream of the plain wire: requests are answered one after the other, in order. */
export class ServerStream implements Sweepable {
  readonly #conn: Conn
  readonly #handler: Handler
  readonly #options: Resolved<typeof OPTIONS.server>
  readonly #decoder: FrameDecoder
  #state: State = 'idle'
  #since = performance.now()
  #stopping = false
  #unsent = 0
  /** Of the request being handled; undefined also when its handler never asked. */
  #abort: AbortController | undefined
  #watchesClose = false
  /** The request being handled. */
  #request: Uint8Array | undefined

  constructor(conn: Conn, handler: Handler, options: Resolved<typeof OPTIONS.server>) {
    this.#conn = conn
    this.#handler = handler
    this.#options = options
    this.#decoder = new FrameDecoder(options.maxBlockSize)
  }

  /**
   * Serves until the peer ends the stream, stops it or something goes wrong.
   *
   * @throws PointSubError what ended the stream, if that was not the peer's FIN; the stream has been reset by then
   * (or, after a failed handler, ended)
   */
  async serve(): Promise<void> {
    try {
      while (!this.#stopping && (await this.#serveOne()));
    } catch (error) {
      if (error instanceof HandlerFailure) {
        // A FIN instead of an answer is how this wire says that the handler failed.
        await this.#conn.close({ linger: LINGER })
        throw error.failure
      }
      const failure = this.#asPointSubError(error)
      this.#conn.reset(failure)
      throw failure
    }
    await this.#conn.close({ linger: LINGER })
  }

  /** Serves the request that is being served, if any, and then ends the stream. */
  stop(linger: number = LINGER): void {
    this.#stopping = true
    if (this.#state === 'idle') void this.#conn.close({ linger }).catch(() => {})
  }

  /** Ends the stream now, whatever it is doing. */
  kill(reason: PointSubError): void {
    this.#conn.reset(reason)
  }

  sweep(now: number): void {
    const waited = now - this.#since
    const { idleTimeout, readTimeout, writeTimeout } = this.#options
    if (this.#state === 'idle' && waited > idleTimeout) this.stop(IDLE_LINGER)
    if (this.#state === 'reading' && waited > readTimeout) this.#timeOut('readTimeout', readTimeout)
    if (this.#state === 'writing' && !this.#progressed() && waited > writeTimeout) {
      this.#timeOut('writeTimeout', writeTimeout)
    }
  }

  /** Whether the peer has taken anything of the answer since the last look. */
  #progressed(): boolean {
    const unsent = this.#conn.bytesUnsent
    if (unsent === this.#unsent) return false
    this.#unsent = unsent
    this.#since = performance.now()
    return true
  }

  /** Whether the stream may bring another request. */
  async #serveOne(): Promise<boolean> {
    const request = this.#decoder.next() ?? (await this.#read())
    if (request === undefined || this.#conn.writeEnded) return false
    this.#enter('handling')
    const answer = await this.#handle(request)
    this.#enter('writing')
    await this.#conn.write(answer)
    this.#enter('idle')
    return true
  }

  async #read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const request = this.#decoder.next()
      if (request !== undefined) return request
      if (this.#decoder.inFrame) this.#enter('reading')
      const chunk = await this.#nextChunk()
      if (chunk === null) {
        if (!this.#decoder.inFrame) return undefined
        throw new PointSubError('ERR_UNEXPECTED_EOF', 'the stream ended in the middle of a request')
      }
      this.#decoder.push(chunk)
    }
  }

  async #nextChunk(): Promise<Uint8Array | null> {
    try {
      return await this.#conn.read()
    } catch (error) {
      // A stream that goes away between two requests is an end like a FIN.
      if (this.#state === 'idle') return null
      throw error
    }
  }

  async #handle(request: Uint8Array): Promise<Uint8Array> {
    let controller: AbortController | undefined
    // Made when a handler first asks for it: most never do.
    const signal = (): AbortSignal => {
      controller ??= new AbortController()
      if (this.#request === request) this.#abortWithStream(controller)
      return controller.signal
    }
    this.#request = request
    const context: RequestContext = {
      peer: this.#conn.remotePeer,
      protocol: this.#conn.protocol,
      get signal() {
        return signal()
      }
    }
    try {
      const given: unknown = this.#handler(request, context)
      const answer = given instanceof Uint8Array ? given : await given
      if (answer instanceof Uint8Array) return this.#encode(answer)
      throw new TypeError('a handler must return a Uint8Array')
    } catch (cause) {
      if (cause instanceof HandlerFailure) throw cause
      throw new HandlerFailure(this.#error('ERR_HANDLER_FAILED', `the handler failed: ${messageOf(cause)}`, cause))
    } finally {
      this.#request = undefined
      this.#abort = undefined
    }
  }

  #encode(answer: Uint8Array): Uint8Array {
    try {
      return encodeFrame(answer, this.#options.maxBlockSize)
    } catch (error) {
      throw new HandlerFailure(this.#asPointSubError(error))
    }
  }

  #abortWithStream(controller: AbortController): void {
    this.#abort = controller
    const { signal } = this.#conn
    if (signal.aborted) controller.abort(signal.reason)
    if (this.#watchesClose) return
    this.#watchesClose = true
    signal.addEventListener('abort', () => this.#abort?.abort(signal.reason), { once: true })
  }

  #enter(state: State): void {
    this.#state = state
    this.#since = performance.now()
  }

  #timeOut(option: string, limit: number): void {
    this.kill(this.#error('ERR_TIMEOUT', `the peer took longer than ${option}, ${limit} ms`))
  }

  #asPointSubError(cause: unknown): PointSubError {
    const details = { peer: this.#conn.remotePeer.toString(), protocol: this.#conn.protocol }
    return toPointSubError(cause, 'ERR_STREAM_RESET', 'the stream failed', details)
  }

  #error(code: 'ERR_TIMEOUT' | 'ERR_HANDLER_FAILED', message: string, cause?: unknown): PointSubError {
    return new PointSubError(code, message, {
      peer: this.#conn.remotePeer.toString(),
      protocol: this.#conn.protocol,
      cause
    })
  }
}

/** Tells a failure of the handler from one of the stream, within this file. */
class HandlerFailure {
  readonly failure: PointSubError

  constructor(failure: PointSubError) {
    this.failure = failure
  }
}
