import { concat } from '../core/bytes.ts'
import { PointSubError } from '../core/errors.ts'
import { readU32, writeU32 } from './numbers.ts'
import { allocate } from './slab.ts'

/** Bytes of a frame's length, a u32 in big-endian order. */
export const HEADER_BYTES = 4

/** The first buffer of a frame that arrives in pieces; it doubles from there, so memory follows bytes, not claims. */
const FIRST_BUFFER = 256
const NOTHING: Uint8Array = new Uint8Array(0)

/**
 * One message on the plain wire, Go PointSub's (go-msgio): its length as a u32 in big-endian order, then its bytes.
 *
 * @throws PointSubError `ERR_MESSAGE_TOO_LARGE` when `body` is longer than `maxBytes`
 */
export function encodeFrame(body: Uint8Array, maxBytes: number): Uint8Array {
  checkLength(body.byteLength, maxBytes, false)
  const frame = allocate(HEADER_BYTES + body.byteLength)
  writeU32(frame, 0, body.byteLength)
  frame.set(body, HEADER_BYTES)
  return frame
}

/** @throws PointSubError `ERR_MESSAGE_TOO_LARGE` */
export function checkLength(length: number, maxBytes: number, received: boolean): void {
  if (length <= maxBytes) return
  throw new PointSubError(
    'ERR_MESSAGE_TOO_LARGE',
    received
      ? `the peer announced a message of ${length} bytes; maxBlockSize is ${maxBytes}`
      : `a message of ${length} bytes cannot be sent; maxBlockSize is ${maxBytes}`,
    received ? {} : { sent: false }
  )
}

/**
 * Plain frames out of chunks split anywhere. The length is checked before anything is allocated, and never more than
 * twice the bytes that really came is held.
 */
export class FrameDecoder {
  readonly #maxBytes: number
  readonly #firstBuffer: number
  /** The unread rest of the last chunk. */
  #chunk: Uint8Array = NOTHING
  /** Bytes of a header or body that spans chunks. */
  #partial: Uint8Array = NOTHING
  #have = 0
  /** Length of the body being read; undefined while its header is. */
  #length: number | undefined

  /**
   * @param maxBytes of one body
   * @param firstBuffer bytes taken at once for a body that arrives in pieces
   */
  constructor(maxBytes: number, firstBuffer: number = FIRST_BUFFER) {
    this.#maxBytes = maxBytes
    this.#firstBuffer = firstBuffer
  }

  /** Bytes kept until more come. */
  get bytesHeld(): number {
    return this.#partial.byteLength + this.#chunk.byteLength
  }

  /** Whether the bytes so far end within a frame. */
  get inFrame(): boolean {
    return this.#length !== undefined || this.#have > 0 || this.#chunk.byteLength > 0
  }

  /** Adds the next bytes; the ones before may still hold frames that {@link next} has not returned. */
  push(chunk: Uint8Array): void {
    this.#chunk =
      this.#chunk.byteLength === 0 ? chunk : concat([this.#chunk, chunk], this.#chunk.byteLength + chunk.byteLength)
  }

  /** Lets go of what it holds; nothing may be pushed after that. */
  clear(): void {
    this.#chunk = NOTHING
    this.#partial = NOTHING
    this.#have = 0
    this.#length = undefined
  }

  /**
   * The next whole body, or undefined when more bytes are needed.
   *
   * @throws PointSubError `ERR_MESSAGE_TOO_LARGE`; the stream cannot be read on after that
   */
  next(): Uint8Array | undefined {
    const body = this.nextView()
    return body === undefined ? undefined : own(body)
  }

  /** {@link next} without a copy: what it returns may keep all bytes alive that came with it. */
  nextView(): Uint8Array | undefined {
    if (this.#length === undefined) {
      const header = this.#take(HEADER_BYTES)
      if (header === undefined) return undefined
      const length = readU32(header, 0)
      checkLength(length, this.#maxBytes, true)
      this.#length = length
    }
    const body = this.#take(this.#length)
    if (body === undefined) return undefined
    this.#length = undefined
    return body
  }

  /** Exactly `length` bytes, collected over as many chunks as it takes. */
  #take(length: number): Uint8Array | undefined {
    const missing = length - this.#have
    if (this.#have === 0 && this.#chunk.byteLength >= length) return this.#consume(length)
    const piece = this.#consume(Math.min(missing, this.#chunk.byteLength))
    this.#reserve(length, this.#have + piece.byteLength)
    this.#partial.set(piece, this.#have)
    this.#have += piece.byteLength
    if (this.#have < length) return undefined
    const whole = this.#partial.subarray(0, length)
    this.#partial = NOTHING
    this.#have = 0
    return whole
  }

  #consume(bytes: number): Uint8Array {
    const piece = this.#chunk.subarray(0, bytes)
    // Even an empty view would keep the whole chunk alive.
    this.#chunk = bytes === this.#chunk.byteLength ? NOTHING : this.#chunk.subarray(bytes)
    return piece
  }

  #reserve(length: number, needed: number): void {
    if (needed <= this.#partial.byteLength) return
    const size = Math.min(length, Math.max(this.#firstBuffer, needed, this.#partial.byteLength * 2))
    const larger = new Uint8Array(size)
    larger.set(this.#partial.subarray(0, this.#have))
    this.#partial = larger
  }
}

/** A small body must not keep the large buffer alive that it came in. */
export function own(body: Uint8Array): Uint8Array {
  return body.byteLength * 2 < body.buffer.byteLength ? body.slice() : body
}
