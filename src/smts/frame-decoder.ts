import { PointSubError } from '../core/errors.ts'
import { readU16, readU32 } from '../frame/numbers.ts'
import { crc32 } from './crc32.ts'
import { COMPACT, COMPACT_HEADER_BYTES, type Frame, FULL_HEADER_BYTES } from './frame.ts'
import { Gathered } from './gathered.ts'
import { holds, looksFull, looksLikeFrames } from './lookahead.ts'

/** No flag that Go has a name for. */
const UNKNOWN = 0x80
const NOTHING: Uint8Array = new Uint8Array(0)

/**
 * Frames out of chunks split anywhere: all that Go's writer writes, also those of sizes that Go's own reader misreads
 * ({@link isReadableByGo}).
 *
 * Four bytes that could be either header are the short one's when its checksum holds and what has come behind it are
 * frames, too; otherwise the long one's, if that has a checksum and no unknown flags. A size is checked before anything
 * is allocated for it, and memory follows the bytes that came.
 */
export class FrameDecoder {
  readonly #maxBytes: number
  readonly #bytes = new Gathered()
  #failure: PointSubError | undefined

  /** @param maxBytes of data in one frame */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Whether the bytes so far end within a frame, once {@link next} has returned undefined. */
  get inFrame(): boolean {
    return this.#bytes.byteLength > 0
  }

  /** Adds the next bytes; they must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (this.#failure === undefined) this.#bytes.push(chunk)
  }

  /**
   * The next whole frame, or undefined when more bytes are needed.
   *
   * @param more whether more bytes have come that were not pushed yet: they may help to tell one header from the other
   * @throws PointSubError `ERR_MESSAGE_TOO_LARGE`, or `ERR_INVALID_FRAME` when a checksum does not hold; nothing can be
   * read after that, so it always throws the same again
   */
  next(more = false): Frame | undefined {
    return this.#guarded(() => this.#decode(false, more))
  }

  /**
   * To be called at the end of the bytes: a frame that only this end tells from another, or undefined.
   *
   * @throws PointSubError as {@link next}, and `ERR_UNEXPECTED_EOF` when there is a part of a frame
   */
  finish(): Frame | undefined {
    return this.#guarded(() => {
      const frame = this.#decode(true, false)
      if (frame !== undefined || !this.inFrame) return frame
      throw new PointSubError('ERR_UNEXPECTED_EOF', 'the stream ended in the middle of a frame')
    })
  }

  #guarded(decode: () => Frame | undefined): Frame | undefined {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return decode()
    } catch (error) {
      if (error instanceof PointSubError) this.#failure = error
      this.#bytes.clear()
      throw error
    }
  }

  #decode(ended: boolean, more: boolean): Frame | undefined {
    const header = this.#bytes.peek(COMPACT_HEADER_BYTES)
    if (header.byteLength < COMPACT_HEADER_BYTES) return undefined
    const flags = header[3] ?? 0
    return (flags & COMPACT) === 0 ? this.#full() : this.#compact(header, flags, ended, more)
  }

  #compact(header: Uint8Array, flags: number, ended: boolean, more: boolean): Frame | undefined {
    const size = readU16(header, 0)
    // Go looks at no checksum here either.
    if (size === 0) return this.#take(COMPACT_HEADER_BYTES, 0, flags)
    this.#checkSize(size)
    const length = COMPACT_HEADER_BYTES + size
    // As the other header it would have far more bytes behind it, so waiting for these is no risk.
    const whole = this.#bytes.peek(length)
    if (whole.byteLength < length) return undefined
    const isKnown = (flags & UNKNOWN) === 0
    const isFull = looksFull(this.#bytes.peek(FULL_HEADER_BYTES))
    if (isKnown && holds(whole)) {
      const isFollowed = isFull === false || this.#isFollowed(length, more)
      if (isFollowed === undefined && !ended) return undefined
      if (isFollowed !== false || isFull !== true) return this.#take(COMPACT_HEADER_BYTES, size, flags)
      return this.#full()
    }
    if (isFull === undefined && !ended) return undefined
    if (isFull === true) return this.#full()
    if (!isKnown || header[2] !== 0) throw mismatch()
    return this.#take(COMPACT_HEADER_BYTES, size, flags)
  }

  /** Whether frames come behind the first `length` bytes, or nothing; undefined when that takes more bytes. */
  #isFollowed(length: number, more: boolean): boolean | undefined {
    const behind = this.#bytes.peek(Number.POSITIVE_INFINITY).subarray(length)
    return behind.byteLength === 0 && more ? undefined : looksLikeFrames(behind)
  }

  #full(): Frame | undefined {
    const header = this.#bytes.peek(FULL_HEADER_BYTES)
    if (header.byteLength < FULL_HEADER_BYTES) return undefined
    const size = readU32(header, 0)
    this.#checkSize(size)
    const whole = this.#bytes.peek(FULL_HEADER_BYTES + size)
    if (whole.byteLength < FULL_HEADER_BYTES + size) return undefined
    const checksum = readU32(header, 4)
    if (size > 0 && checksum !== 0 && crc32(whole.subarray(FULL_HEADER_BYTES)) !== checksum) throw mismatch()
    return this.#take(FULL_HEADER_BYTES, size, readU32(header, 8))
  }

  #take(headerBytes: number, size: number, flags: number): Frame {
    this.#bytes.skip(headerBytes)
    return { flags: (flags & ~COMPACT) >>> 0, data: size === 0 ? NOTHING : this.#bytes.take(size) }
  }

  #checkSize(size: number): void {
    if (size <= this.#maxBytes) return
    throw new PointSubError(
      'ERR_MESSAGE_TOO_LARGE',
      `the peer announced a frame of ${size} bytes; at most ${this.#maxBytes} are taken`
    )
  }
}

function mismatch(): PointSubError {
  return new PointSubError('ERR_INVALID_FRAME', 'the peer sent a frame whose checksum does not hold')
}
