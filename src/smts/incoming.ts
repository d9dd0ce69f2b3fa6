import { PointSubError } from '../core/errors.ts'
import { FLAGS, type Frame } from './frame.ts'
import type { FrameReader } from './frame-reader.ts'
import { Gathered } from './gathered.ts'

/** Messages and streams out of the frames of one Conn. */
export class Incoming {
  readonly #reader: FrameReader
  readonly #maxMessageSize: number
  /** Whether the next frame belongs to a stream that nobody reads any more. */
  #inStream = false

  constructor(reader: FrameReader, maxMessageSize: number) {
    this.#reader = reader
    this.#maxMessageSize = maxMessageSize
  }

  /** The next message, a whole stream as one; null after the peer's FIN. */
  async message(signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    await this.#skipRest(signal)
    const frame = await this.#reader.next(signal, false)
    if (frame === null) return null
    if ((frame.flags & (FLAGS.first | FLAGS.last)) === 0) return frame.data
    const whole = new Gathered()
    for await (const chunk of this.#chunks(frame, signal, false)) {
      if (whole.byteLength + chunk.byteLength > this.#maxMessageSize) throw this.#tooLarge()
      whole.push(chunk)
    }
    return whole.take(whole.byteLength)
  }

  /** The chunks of the next stream. */
  async *stream(signal: AbortSignal | undefined, fin: 'error' | 'end'): AsyncGenerator<Uint8Array, void, undefined> {
    await this.#skipRest(signal)
    const frame = await this.#reader.next(signal, false)
    if (frame !== null) yield* this.#chunks(frame, signal, fin === 'end')
    else if (fin === 'error') throw this.#error('ERR_UNEXPECTED_EOF', 'the peer ended before it had begun a stream')
  }

  async *#chunks(
    first: Frame,
    signal: AbortSignal | undefined,
    mayEndByFin: boolean
  ): AsyncGenerator<Uint8Array, void, undefined> {
    this.#checkFirst(first)
    this.#inStream = true
    for (let frame: Frame | null = first; ; frame = await this.#nextOf(signal)) {
      if (frame === null) {
        if (mayEndByFin) return
        throw this.#error('ERR_UNEXPECTED_EOF', 'the peer ended in the middle of a stream')
      }
      if (frame !== first) this.#checkLater(frame)
      this.#inStream = (frame.flags & FLAGS.last) === 0
      if (frame.data.byteLength > 0) yield frame.data
      else await this.#reader.idle()
      if ((frame.flags & FLAGS.last) !== 0) return
    }
  }

  /** The next frame of a stream; null, or an error, is the end of it. */
  async #nextOf(signal: AbortSignal | undefined): Promise<Frame | null> {
    try {
      const frame = await this.#reader.next(signal, true)
      if (frame === null) this.#inStream = false
      return frame
    } catch (error) {
      if (error instanceof PointSubError && error.code === 'ERR_REMOTE') this.#inStream = false
      throw error
    }
  }

  #checkFirst({ flags, data }: Frame): void {
    if ((flags & FLAGS.first) !== 0) return
    // An empty stream of Go is its last frame alone.
    if ((flags & FLAGS.last) !== 0 && data.byteLength === 0) return
    throw this.#error('ERR_INVALID_FRAME', 'the peer sent something else where a stream should begin')
  }

  /** A stream whose sender failed has no last frame, so what comes behind must not be taken for a part of it. */
  #checkLater(frame: Frame): void {
    if ((frame.flags & FLAGS.first) === 0) return
    this.#inStream = false
    this.#reader.putBack(frame)
    throw this.#error('ERR_UNEXPECTED_EOF', 'the peer began another stream before the last one had ended')
  }

  /** Takes what is left of a stream whose reader has gone. */
  async #skipRest(signal: AbortSignal | undefined): Promise<void> {
    while (this.#inStream) {
      const frame = await this.#nextOf(signal)
      if (frame === null) return
      if ((frame.flags & FLAGS.first) !== 0) {
        this.#inStream = false
        this.#reader.putBack(frame)
        return
      }
      this.#inStream = (frame.flags & FLAGS.last) === 0
      await this.#reader.idle()
    }
  }

  #tooLarge(): PointSubError {
    return this.#error(
      'ERR_MESSAGE_TOO_LARGE',
      `the peer sent a stream of more than ${this.#maxMessageSize} bytes where a message was expected`
    )
  }

  #error(code: 'ERR_UNEXPECTED_EOF' | 'ERR_INVALID_FRAME' | 'ERR_MESSAGE_TOO_LARGE', message: string): PointSubError {
    return this.#reader.named(new PointSubError(code, message))
  }
}
