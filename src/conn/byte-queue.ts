/** Chunks below this size are copied together, so that a peer that sends single bytes does not cost an object each. */
const SMALL = 2 * 1024
const BLOCK = 16 * 1024

/** Chunks in the order they came. */
export class ByteQueue {
  #chunks: Uint8Array[] = []
  /** Chunks before this one have been taken. */
  #head = 0
  #byteLength = 0
  /** Where small chunks are gathered: the last chunk is its first `#used` bytes. */
  #block: Uint8Array | undefined
  #used = 0

  get byteLength(): number {
    return this.#byteLength
  }

  push(chunk: Uint8Array): void {
    this.#byteLength += chunk.byteLength
    if (chunk.byteLength >= SMALL || this.#head === this.#chunks.length) {
      this.#block = undefined
      this.#chunks.push(chunk)
    } else {
      this.#gather(chunk)
    }
  }

  /** Puts a chunk in front of those to come. */
  unshift(chunk: Uint8Array): void {
    this.#byteLength += chunk.byteLength
    if (this.#head > 0) {
      this.#head -= 1
      this.#chunks[this.#head] = chunk
    } else {
      this.#chunks.unshift(chunk)
    }
  }

  shift(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head]
    if (chunk === undefined) return undefined
    this.#byteLength -= chunk.byteLength
    this.#head += 1
    if (this.#head === this.#chunks.length) this.clear()
    return chunk
  }

  /** Takes all. */
  drain(): Uint8Array[] {
    const chunks = this.#chunks.slice(this.#head)
    this.clear()
    return chunks
  }

  clear(): void {
    this.#chunks = []
    this.#head = 0
    this.#byteLength = 0
    this.#block = undefined
  }

  #gather(chunk: Uint8Array): void {
    if (this.#block !== undefined && this.#used + chunk.byteLength <= BLOCK) {
      this.#block.set(chunk, this.#used)
      this.#used += chunk.byteLength
      this.#chunks[this.#chunks.length - 1] = this.#block.subarray(0, this.#used)
      return
    }
    this.#block = new Uint8Array(BLOCK)
    this.#block.set(chunk)
    this.#used = chunk.byteLength
    this.#chunks.push(this.#block.subarray(0, this.#used))
  }
}
