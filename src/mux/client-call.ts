import type { Compressed } from '../compression/compressor.ts'
import type { Cancellation } from '../core/cancellation.ts'
import type { PointSubError } from '../core/errors.ts'
import { MAX_INLINE_BODY } from '../frame/mux.ts'
import { type HeadFields, messageHead } from '../frame/mux-encode.ts'
import type { Pairs } from '../frame/pairs.ts'
import { encodingOf } from './bodies.ts'
import type { Transfer } from './body-sender.ts'
import { messageFrame, type Outgoing, type Plane } from './plane.ts'

const LARGEST_U32 = 2 ** 32 - 1

/** What a request is made of. */
export interface MuxRequest {
  /** Must stay as it is until the call has ended. */
  readonly body: Uint8Array
  /** As encodePairs() made it. */
  readonly metadata: Uint8Array | undefined
  /** Called with the pairs of the answer. */
  readonly onMetadata: ((metadata: Pairs) => void) | undefined
}

/** One request of this side, from its wait for a place to its answer. */
export class ClientCall {
  readonly request: MuxRequest
  readonly #cancellation: Cancellation
  readonly #answer = Promise.withResolvers<Uint8Array>()
  readonly #takeBack: () => void
  /** What is sent instead of the body, if that is worth it. */
  compressed: Compressed | undefined
  /** 0 until it has a place among the requests in flight. */
  id = 0
  /** The request on its way, whole or in pieces. */
  #small: Outgoing | undefined
  #large: Transfer | undefined
  /** Whether all of the request has left. */
  #written = false
  /** When something last happened to it, on performance.now()'s clock. */
  lastActive: number
  settled = false
  /** Whether its answer has come, or begins to. */
  isAnswered = false

  constructor(request: MuxRequest, cancellation: Cancellation, now: number, onCancel: (reason: PointSubError) => void) {
    this.request = request
    this.#cancellation = cancellation
    this.lastActive = now
    this.#takeBack = cancellation.onCancel(onCancel)
  }

  get promise(): Promise<Uint8Array> {
    return this.#answer.promise
  }

  /** Whether any of it may have reached the peer. */
  get sent(): boolean {
    return this.#small?.given === true || this.#large?.given === true
  }

  get isLarge(): boolean {
    return this.#large !== undefined
  }

  /** Calls one of the two with the request to be sent. */
  start(id: number, sendSmall: (small: Outgoing) => void, sendLarge: (large: Transfer) => void): void {
    const { remaining } = this.#cancellation
    const body = this.compressed?.bytes ?? this.request.body
    const large = body.byteLength > MAX_INLINE_BODY
    this.id = id
    this.lastActive = performance.now()
    const fields: HeadFields = {
      id,
      encoding: encodingOf(this.compressed),
      large,
      timeout: remaining <= LARGEST_U32 ? Math.max(1, Math.ceil(remaining)) : 0,
      size: this.request.body.byteLength,
      pairs: this.request.metadata,
      bodyBytes: large ? 0 : body.byteLength
    }
    if (large) {
      const head = messageHead('request', fields)
      this.#large = { id, head, body, offset: 0, given: false, onProgress: transfer => this.#onProgress(transfer) }
      sendLarge(this.#large)
    } else {
      this.#small = messageFrame('request', fields, body)
      sendSmall(this.#small)
    }
  }

  /** Keeps a small request that has not left from doing so. */
  withdrawFrom(plane: Plane): void {
    if (this.#small !== undefined) plane.withdraw(this.#small)
  }

  /** Something of its answer has come. */
  touch(): void {
    this.lastActive = performance.now()
  }

  /** Whether nothing at all has come of the peer since it was last active, for so long: the peer may be gone. */
  isAlone({ lastReceived }: { lastReceived: number }, now: number = Number.POSITIVE_INFINITY, ms: number = 0): boolean {
    return lastReceived < this.lastActive && now - this.lastActive > ms
  }

  /**
   * What it has waited for too long, if it has.
   *
   * @param lastTaken when the peer last took a piece of any large request: one that waits for its turn waits for the others
   */
  overdue(
    now: number,
    { readTimeout, writeTimeout }: { readTimeout: number; writeTimeout: number },
    lastTaken: number
  ): string | undefined {
    if (!this.#written && this.#small?.given === true) {
      this.#written = true
      this.lastActive = now
    }
    const waited = now - (this.#large?.given === false ? Math.max(this.lastActive, lastTaken) : this.lastActive)
    if (this.#written) return waited > readTimeout ? `answer than readTimeout, ${readTimeout} ms` : undefined
    return waited > writeTimeout ? `take the request than writeTimeout, ${writeTimeout} ms` : undefined
  }

  resolve(body: Uint8Array, metadata: Pairs = {}): void {
    this.#settle()
    try {
      this.request.onMetadata?.(metadata)
      this.#answer.resolve(body)
    } catch (error) {
      // The caller's own failure is the caller's to hear.
      this.#answer.reject(error)
    }
  }

  reject(error: PointSubError): void {
    this.#settle()
    this.#answer.reject(error)
  }

  #onProgress({ offset, body }: Transfer): void {
    this.lastActive = performance.now()
    this.#written = offset === body.byteLength
  }

  #settle(): void {
    this.settled = true
    this.#takeBack()
  }
}
