import { createHash, randomBytes } from 'node:crypto'

export const MIB: number = 1024 * 1024
export const PAYLOAD_BYTES: number = 512 * MIB
export const CHUNK_BYTES: number = 64 * 1024

/** A multiple of no chunk size, so that chunks repeat late and none equals its neighbours. */
const STRIDE = 4099

/** Chunks of {@link CHUNK_BYTES} with ever other content, out of one random block: making them costs no memory. */
export function chunksOf(totalBytes: number): Iterable<Uint8Array> {
  const block = randomBytes(CHUNK_BYTES + MIB)
  return {
    *[Symbol.iterator]() {
      for (let offset = 0, made = 0; made < totalBytes; made += CHUNK_BYTES) {
        yield block.subarray(offset, offset + CHUNK_BYTES)
        offset = (offset + STRIDE) % MIB
      }
    }
  }
}

/** Counts and hashes what goes by. */
export class Tally {
  readonly #hash = createHash('sha256')
  bytes = 0

  add(chunk: Uint8Array): void {
    this.bytes += chunk.byteLength
    this.#hash.update(chunk)
  }

  /** To be asked for once, at the end. */
  digest(): string {
    return this.#hash.digest('hex')
  }
}
