import type { CloseOptions, Conn } from '../conn/conn.ts'
import { Cancellation, type CancelOptions } from '../core/cancellation.ts'
import { PointSubError, textOf } from '../core/errors.ts'
import { type Given, resolveOptions } from '../core/option-table.ts'
import { OPTIONS } from '../core/options.ts'
import { FLAGS } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import { Incoming } from './incoming.ts'
import { type Chunks, Outgoing } from './outgoing.ts'
import { encodeRemoteError } from './remote-error.ts'
import { Turns } from './turns.ts'

/** Go's `ErrorMessageRejected`. */
const MESSAGE_REJECTED = 4_012

export interface TransporterOptions extends Given<typeof OPTIONS.smts> {
  /** Called with the data of control frames; without it they come like other messages, as they do in Go. */
  onControl?: ((data: Uint8Array) => void) | undefined
}

export interface ReceiveStreamOptions extends CancelOptions {
  /**
   * What the peer's FIN before the last frame of a stream is: `'error'`, or `'end'` for Go v1.2.1 and v1.2.2, which send
   * no last frame, and of an empty stream nothing at all. Default `'error'`.
   */
  fin?: 'error' | 'end' | undefined
}

type Running = (cancellation: Cancellation, signal: AbortSignal | undefined) => Promise<void>

/**
 * Go PointSub v1.2's message transporter: whole messages, and streams of chunks, over one Conn.
 *
 * Any number of calls may run at a time; those that send take turns, and so do those that receive. After an
 * `ERR_INVALID_FRAME` or `ERR_MESSAGE_TOO_LARGE` of what came nothing more can be received: close the Conn.
 */
export class Transporter implements AsyncDisposable {
  /** The Conn below; its deadlines and its `closeWrite()` may be used, its bytes may not. */
  readonly conn: Conn
  readonly #incoming: Incoming
  readonly #outgoing: Outgoing
  readonly #sending = new Turns()
  readonly #receiving = new Turns()

  /**
   * Takes reading and writing of `conn` over.
   *
   * @throws PointSubError `ERR_INVALID_CONFIG`
   */
  constructor(conn: Conn, options: TransporterOptions = {}) {
    const { onControl, ...given } = options
    const settings = resolveOptions(OPTIONS.smts, given, 'Transporter')
    if (onControl !== undefined && typeof onControl !== 'function') {
      throw new PointSubError('ERR_INVALID_CONFIG', `Transporter: onControl is a function, not ${textOf(onControl)}`)
    }
    this.conn = conn
    const reader = new FrameReader(conn, { ...settings, onControl })
    this.#incoming = new Incoming(reader, settings.maxMessageSize)
    this.#outgoing = new Outgoing(conn, settings)
  }

  /**
   * Sends one message. The promise resolves when libp2p can take more; `message` must not be changed before.
   *
   * @throws PointSubError `ERR_INVALID_ARGUMENT` also for a size that Go would misread, unless `enableCompression` is on
   * (see {@link isReadableByGo}), `ERR_MESSAGE_TOO_LARGE`, `ERR_STREAM_RESET`, `ERR_CONNECTION_LOST`, `ERR_STREAM_CLOSED`,
   * `ERR_TIMEOUT`, `ERR_ABORTED`
   */
  send(message: Uint8Array, options?: CancelOptions): Promise<void> {
    return this.#send(message, 0, options)
  }

  /**
   * The next message, in the order they were sent; null after the peer's FIN. A stream that comes instead is given out
   * as one message.
   *
   * @throws PointSubError `ERR_INVALID_FRAME`, `ERR_MESSAGE_TOO_LARGE`, `ERR_UNEXPECTED_EOF`, `ERR_REMOTE` for an error
   * frame, `ERR_STREAM_RESET`, `ERR_CONNECTION_LOST`, `ERR_STREAM_CLOSED`, `ERR_TIMEOUT`, `ERR_ABORTED`; after the last
   * two nothing is lost
   */
  async receive(options: CancelOptions = {}): Promise<Uint8Array | null> {
    using cancellation = new Cancellation(options, 'receive')
    const release = await this.#receiving.take(cancellation)
    try {
      return await this.#incoming.message(signalOf(cancellation, options))
    } finally {
      release()
    }
  }

  /**
   * Sends chunks as one stream, of any length and in whatever pieces they come; empty ones are left out. It takes the
   * next chunk when libp2p has room. What is sent meanwhile by other calls comes behind it.
   *
   * Go's protocol has no way to take a stream back: when `chunks` fails, or the call is aborted, after the first frame
   * has been sent, the Conn is reset.
   *
   * @throws PointSubError as {@link send}; what `chunks` throws comes out as it is
   */
  sendStream(chunks: Chunks, options?: CancelOptions): Promise<void> {
    return this.#inTurn(options, 'sendStream', (cancellation, signal) =>
      this.#outgoing.stream(chunks, cancellation, signal)
    )
  }

  /**
   * The chunks of the next stream, to its last frame. Nothing more is read than what is taken, so a slow loop holds the
   * sender back. What is left of a stream when its loop is left early is skipped by the next call that receives.
   *
   * @throws PointSubError as {@link receive}; `ERR_INVALID_FRAME` when something else comes than a stream, and
   * `ERR_UNEXPECTED_EOF` when it ends too early
   */
  async *receiveStream(options: ReceiveStreamOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    using cancellation = new Cancellation(options, 'receiveStream')
    const release = await this.#receiving.take(cancellation)
    try {
      yield* this.#incoming.stream(signalOf(cancellation, options), options.fin ?? 'error')
    } finally {
      release()
    }
  }

  /**
   * Sends an error frame, at most 4,096 bytes of text: the peer's `receive()` fails with `ERR_REMOTE`. Go's default
   * frame processor hands it out like a message, so agree with a Go peer on its use first.
   *
   * @param code a number for Go, default its 4012, "message rejected"
   * @throws PointSubError as {@link send}
   */
  async sendError(text: string, options: CancelOptions & { code?: number } = {}): Promise<void> {
    const { code = MESSAGE_REJECTED } = options
    if (!Number.isInteger(code) || code < 0 || code > 0xff_ff_ff) {
      throw new PointSubError('ERR_INVALID_ARGUMENT', `code is a whole number below 2^24, not ${textOf(code)}`)
    }
    await this.#send(encodeRemoteError(text, code), FLAGS.error, options)
  }

  /** Sends a control frame, which goes to the peer's `onControl`. @throws PointSubError as {@link send} */
  sendControl(data: Uint8Array, options?: CancelOptions): Promise<void> {
    return this.#send(data, FLAGS.control, options)
  }

  /**
   * Sends an empty frame, which says no more than that this side is there. Go's `Receive` hands it out as an empty
   * message.
   *
   * @throws PointSubError as {@link send}
   */
  sendHeartbeat(options?: CancelOptions): Promise<void> {
    return this.#send(new Uint8Array(0), FLAGS.empty, options)
  }

  /** {@link Conn.closeWrite} behind everything that is being sent: the peer receives to the end, and may answer. */
  async closeWrite(): Promise<void> {
    await this.#inTurn({}, 'closeWrite', () => this.conn.closeWrite())
  }

  /** {@link Conn.close}: ends both directions; what was sent still goes out. */
  close(options?: CloseOptions): Promise<void> {
    return this.conn.close(options)
  }

  /** {@link Conn.setDeadline}, for all calls. */
  setDeadline(at: number | Date | undefined): void {
    this.conn.setDeadline(at)
  }

  /** {@link Conn.setReadDeadline} */
  setReadDeadline(at: number | Date | undefined): void {
    this.conn.setReadDeadline(at)
  }

  /** {@link Conn.setWriteDeadline} */
  setWriteDeadline(at: number | Date | undefined): void {
    this.conn.setWriteDeadline(at)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #send(data: Uint8Array, flags: number, options: CancelOptions | undefined): Promise<void> {
    return this.#inTurn(options, 'send', (_, signal) => this.#outgoing.message(data, flags, signal))
  }

  async #inTurn(options: CancelOptions = {}, what: string, run: Running): Promise<void> {
    using cancellation = new Cancellation(options, what)
    const release = await this.#sending.take(cancellation)
    try {
      await run(cancellation, signalOf(cancellation, options))
    } finally {
      release()
    }
  }
}

/** Most calls are bounded by nothing, and then there is no need for a signal. */
function signalOf(cancellation: Cancellation, { signal, timeout }: CancelOptions): AbortSignal | undefined {
  return signal === undefined && timeout === undefined ? undefined : cancellation.signal
}
