import { randomBytes } from 'node:crypto'
import type { Call } from '../rpc/row.ts'
import { BODY_BYTES, DOWNLOAD, UPLOAD } from './protocol.ts'

/** Large calls in flight in each direction. */
const CALLS = 4

/** What went through. */
export type Moved = {
  /** Bytes of requests whose answer is there. */
  readonly up: number
  /** Bytes of answers. */
  readonly down: number
  readonly seconds: number
}

/** Keeps four requests of 32 MiB and four answers of 32 MiB on their way. */
export class Bulk {
  readonly #call: Call
  readonly #upload: Uint8Array = randomBytes(BODY_BYTES)
  readonly #download: Uint8Array = Uint8Array.of(DOWNLOAD)
  readonly #start = performance.now()
  readonly #moving: Promise<unknown>
  #up = 0
  #down = 0
  #stopped = false

  private constructor(call: Call, onMoved: () => void) {
    this.#call = call
    this.#upload[0] = UPLOAD
    const workers = Array.from({ length: CALLS }, () => [this.#keepUploading(onMoved), this.#keepDownloading(onMoved)])
    this.#moving = Promise.all(workers.flat())
  }

  /** Resolves when a body has gone through in each direction. */
  static async start(call: Call): Promise<Bulk> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const bulk: Bulk = new Bulk(call, () => {
      if (bulk.#up > 0 && bulk.#down > 0) resolve()
    })
    await Promise.race([promise, bulk.#moving])
    return bulk
  }

  /** Lets what is on its way arrive, and then no more is sent. */
  async stop(): Promise<Moved> {
    this.#stopped = true
    await this.#moving
    return { up: this.#up, down: this.#down, seconds: (performance.now() - this.#start) / 1000 }
  }

  async #keepUploading(onMoved: () => void): Promise<void> {
    while (!this.#stopped) {
      const answer = await this.#call(this.#upload)
      const length = new DataView(answer.buffer, answer.byteOffset).getUint32(0)
      if (length !== BODY_BYTES) throw new Error(`${length} bytes arrived of ${BODY_BYTES}`)
      this.#up += length
      onMoved()
    }
  }

  async #keepDownloading(onMoved: () => void): Promise<void> {
    while (!this.#stopped) {
      const { byteLength } = await this.#call(this.#download)
      if (byteLength !== BODY_BYTES) throw new Error(`${byteLength} bytes arrived of ${BODY_BYTES}`)
      this.#down += byteLength
      onMoved()
    }
  }
}
