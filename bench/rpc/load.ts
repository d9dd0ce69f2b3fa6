import { randomBytes } from 'node:crypto'
import { type Caller, type Measured, measureCallers } from '../callers.ts'
import type { Call, Load } from './row.ts'

/** Keeps `concurrency` calls in flight for some seconds and checks every answer. */
export function runLoad(call: Call, { bytes, concurrency, seconds }: Load): Promise<Measured> {
  return measureCallers(
    Array.from({ length: concurrency }, () => new TaggedCaller(call, bytes)),
    seconds
  )
}

let lastTag = 0

function nextTag(): number {
  lastTag = (lastTag + 1) >>> 0
  return lastTag
}

/** Asks for an echo; each body has a number at both ends. */
class TaggedCaller implements Caller {
  readonly #call: Call
  readonly #body: Buffer
  #tag = 0

  constructor(call: Call, bytes: number) {
    this.#call = call
    this.#body = randomBytes(bytes)
  }

  ask(): Promise<Uint8Array> {
    this.#tag = nextTag()
    this.#body.writeUInt32BE(this.#tag)
    this.#body.writeUInt32BE(this.#tag, this.#body.byteLength - 4)
    return this.#call(this.#body)
  }

  check(answer: Uint8Array): void {
    const bytes = this.#body.byteLength
    const { buffer, byteOffset, byteLength } = answer
    const view = new DataView(buffer, byteOffset, byteLength)
    if (byteLength === bytes && view.getUint32(0) === this.#tag && view.getUint32(bytes - 4) === this.#tag) return
    throw new Error(`a wrong answer: ${byteLength} bytes for request ${this.#tag} of ${bytes} bytes`)
  }
}
