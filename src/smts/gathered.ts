import { own } from '../frame/plain.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

/** Bytes that came in pieces, as one array. It is never more than twice the bytes that are there, however they came. */
export class Gathered {
  #bytes = NOTHING
  #start = 0
  #end = 0

  get byteLength(): number {
    return this.#end - this.#start
  }

  push(chunk: Uint8Array): void {
    if (this.byteLength === 0) {
      this.#bytes = chunk
      this.#start = 0
      this.#end = chunk.byteLength
      return
    }
    if (this.#end + chunk.byteLength > this.#bytes.byteLength) this.#grow(chunk.byteLength)
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.byteLength
  }

  /** The first bytes, as many as there are of `length`, without taking them. */
  peek(length: number): Uint8Array {
    return this.#bytes.subarray(this.#start, Math.min(this.#end, this.#start + length))
  }

  /** Takes the first `length` bytes, which must be there. What it returns keeps no large buffer alive. */
  take(length: number): Uint8Array {
    const taken = this.peek(length)
    this.skip(length)
    return own(taken)
  }

  /** Takes the first `length` bytes, which must be there, and forgets them. */
  skip(length: number): void {
    this.#start += length
    if (this.#start === this.#end) this.clear()
  }

  clear(): void {
    this.#bytes = NOTHING
    this.#start = 0
    this.#end = 0
  }

  /** Always a new buffer: views of the old one are in use. */
  #grow(more: number): void {
    const { byteLength } = this
    const larger = new Uint8Array(Math.max(byteLength + more, byteLength * 2))
    larger.set(this.peek(byteLength))
    this.#bytes = larger
    this.#start = 0
    this.#end = byteLength
  }
}
