import { turn } from '../compression/turn.ts'
import type { Conn } from '../conn/conn.ts'
import { PointSubError } from '../core/errors.ts'
import { FLAGS, type Frame } from './frame.ts'
import { FrameDecoder } from './frame-decoder.ts'
import { gunzip } from './gzip.ts'
import { decodeRemoteError } from './remote-error.ts'

/** Frames without anything for the user that may be taken in a row before the event loop has its turn. */
const IDLE_FRAMES = 1_000

export interface FrameReaderOptions {
  readonly maxMessageSize: number
  /** Bound on the wait between two bytes, in ms, where more have to come. */
  readonly readTimeout: number
  readonly onControl: ((data: Uint8Array) => void) | undefined
}

/** The frames that come over a Conn, decompressed; those that are not for the user are dealt with here. */
export class FrameReader {
  readonly #conn: Conn
  readonly #options: FrameReaderOptions
  readonly #decoder: FrameDecoder
  #putBack: Frame | undefined
  #idleFrames = 0

  constructor(conn: Conn, options: FrameReaderOptions) {
    this.#conn = conn
    this.#options = options
    this.#decoder = new FrameDecoder(options.maxMessageSize)
  }

  /**
   * The next frame that is for the user; null after the peer's FIN. An aborted wait loses nothing.
   *
   * @param isDue whether more has to come, and so within `readTimeout`
   * @throws PointSubError `ERR_REMOTE` for an error frame, and as {@link Conn.read} and {@link FrameDecoder.next}
   */
  async next(signal: AbortSignal | undefined, isDue: boolean): Promise<Frame | null> {
    const putBack = this.#putBack
    this.#putBack = undefined
    if (putBack !== undefined) return putBack
    for (;;) {
      const frame = await this.#read(signal, isDue)
      if (frame === null || !this.#isForItself(frame)) return frame
      await this.idle()
    }
  }

  /** Gives a frame out once more. */
  putBack(frame: Frame): void {
    this.#putBack = frame
  }

  /** To be awaited between frames of which the user sees nothing: a peer may send any number of them. */
  async idle(): Promise<void> {
    this.#idleFrames += 1
    if (this.#idleFrames % IDLE_FRAMES === 0) await turn()
  }

  async #read(signal: AbortSignal | undefined, isDue: boolean): Promise<Frame | null> {
    try {
      const frame = await this.#readFrame(signal, isDue)
      if (frame === null || (frame.flags & FLAGS.compressed) === 0 || frame.data.byteLength === 0) return frame
      return { flags: frame.flags, data: await gunzip(frame.data, this.#options.maxMessageSize) }
    } catch (error) {
      throw error instanceof PointSubError ? this.named(error) : error
    }
  }

  async #readFrame(signal: AbortSignal | undefined, isDue: boolean): Promise<Frame | null> {
    for (;;) {
      const frame = this.#decoder.next(this.#conn.bytesBuffered > 0)
      if (frame !== undefined) return frame
      const timeout = isDue || this.#decoder.inFrame ? this.#options.readTimeout : undefined
      const chunk = await this.#conn.read({ signal, timeout })
      if (chunk === null) return this.#decoder.finish() ?? null
      this.#decoder.push(chunk)
    }
  }

  /** Whether the user gets nothing of this frame, as it is. */
  #isForItself({ flags, data }: Frame): boolean {
    if ((flags & FLAGS.error) !== 0) throw this.named(decodeRemoteError(data))
    const { onControl } = this.#options
    if ((flags & FLAGS.control) !== 0 && onControl !== undefined) {
      onControl(data)
      return true
    }
    return (flags & FLAGS.empty) !== 0 && data.byteLength === 0 && (flags & (FLAGS.first | FLAGS.last)) === 0
  }

  /** The same error, with whom it is about. */
  named(error: PointSubError): PointSubError {
    return error.with({ peer: this.#conn.remotePeer.toString(), protocol: this.#conn.protocol })
  }
}
