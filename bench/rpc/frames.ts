const HEADER_BYTES = 4

/** A body behind its length, a u32 in big-endian order, copied into one buffer. */
export function encodeFrame(body: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.byteLength)
  frame.writeUInt32BE(body.byteLength)
  frame.set(body, HEADER_BYTES)
  return frame
}

/** Calls back with each body; copies only what came in several chunks. */
export class FrameReader {
  readonly #onBody: (body: Uint8Array) => void
  #chunks: Uint8Array[] = []
  #have = 0
  /** Bytes below which looking at the chunks is of no use. */
  #need = HEADER_BYTES

  constructor(onBody: (body: Uint8Array) => void) {
    this.#onBody = onBody
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#have += chunk.byteLength
    if (this.#have < this.#need) return
    const bytes = this.#joined()
    let offset = 0
    this.#need = HEADER_BYTES
    while (bytes.byteLength - offset >= HEADER_BYTES) {
      const end = offset + HEADER_BYTES + bytes.readUInt32BE(offset)
      if (end > bytes.byteLength) {
        this.#need = end - offset
        break
      }
      this.#onBody(bytes.subarray(offset + HEADER_BYTES, end))
      offset = end
    }
    this.#have = bytes.byteLength - offset
    this.#chunks = this.#have === 0 ? [] : [bytes.subarray(offset)]
  }

  #joined(): Buffer {
    const [first] = this.#chunks
    if (first === undefined || this.#chunks.length > 1) return Buffer.concat(this.#chunks)
    return Buffer.from(first.buffer, first.byteOffset, first.byteLength)
  }
}
