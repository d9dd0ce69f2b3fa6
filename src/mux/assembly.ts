import { PointSubError } from '../core/errors.ts'
import type { Encoding } from '../frame/mux.ts'

/** What is reserved first, in bytes. From there it grows to a quarter of the whole, then to all: memory follows bytes, not claims. */
const FIRST_BUFFER = 64 * 1024
const STEP = 4

/** A large body that comes in pieces. */
export class Assembly {
  readonly #most: number
  readonly #isEncoded: boolean
  #buffer: Uint8Array = new Uint8Array(0)
  #have = 0

  /** @param size bytes of the body before it was encoded; checked by the caller */
  constructor(size: number, encoding: Encoding) {
    this.#isEncoded = encoding !== 0
    this.#most = this.#isEncoded ? Math.max(0, size - 1) : size
  }

  /** Bytes reserved. */
  get bytes(): number {
    return this.#buffer.byteLength
  }

  /** @throws PointSubError `ERR_INVALID_FRAME` when there are more bytes than there may be */
  add(piece: Uint8Array): void {
    const needed = this.#have + piece.byteLength
    if (needed > this.#most) throw wrong('more')
    if (needed > this.#buffer.byteLength) {
      const larger = new Uint8Array(this.#sizeFor(needed))
      larger.set(this.#buffer.subarray(0, this.#have))
      this.#buffer = larger
    }
    this.#buffer.set(piece, this.#have)
    this.#have = needed
  }

  /** The smallest of the whole, a quarter of it, a quarter of that … that is enough: so the last copy is a small one. */
  #sizeFor(bytes: number): number {
    let size = this.#most
    while (size > FIRST_BUFFER && Math.ceil(size / STEP) >= bytes) size = Math.ceil(size / STEP)
    return size
  }

  /** The whole body as it was sent. @throws PointSubError `ERR_INVALID_FRAME` when there is less of it */
  take(): Uint8Array {
    if (!this.#isEncoded && this.#have < this.#most) throw wrong('less')
    return this.#buffer.subarray(0, this.#have)
  }
}

function wrong(what: string): PointSubError {
  return new PointSubError('ERR_INVALID_FRAME', `the peer sent ${what} of a body than it said`)
}
