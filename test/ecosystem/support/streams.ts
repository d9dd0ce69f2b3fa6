import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { until } from '../../support/until.ts'

const BLOCK = randomBytes(1024 * 1024)
const CHUNK = 64 * 1024

/** Random bytes that are made as they are read. */
export class RandomSource {
  readonly #hash = createHash('sha256')
  readonly stream: Readable
  produced = 0

  constructor(bytes: number) {
    this.stream = Readable.from(this.#chunks(bytes), { objectMode: false })
  }

  *#chunks(bytes: number): Generator<Buffer> {
    while (this.produced < bytes) {
      const start = ((this.produced / 7) % (BLOCK.length - CHUNK)) | 0
      const chunk = BLOCK.subarray(start, start + Math.min(CHUNK, bytes - this.produced))
      this.produced += chunk.length
      this.#hash.update(chunk)
      yield chunk
    }
  }

  /** Of everything; once the stream has ended. */
  sha256(): string {
    return this.#hash.digest('hex')
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Reads a stream to its end. */
export async function sha256Of(stream: NodeJS.ReadableStream): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(stream, hash)
  return hash.digest('hex')
}

export async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

/** Waits until a number stops growing: 20 looks, 200 ms, in a row saw the same. */
export async function settled(what: string, look: () => number): Promise<number> {
  let last = -1
  let times = 0
  return until(what, look, now => {
    times = now === last ? times + 1 : 0
    last = now
    return times === 20
  })
}
