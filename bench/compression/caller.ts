import type { Caller } from '../callers.ts'
import type { Call } from '../rpc/row.ts'
import { ordersAsJson } from './records.ts'

export const BODY_BYTES: number = 16 * 1024

/** Each caller has so many bodies of its own, and asks with one after the other. */
const BODIES = 8

/** Asks for an echo of JSON. */
export class JsonCaller implements Caller {
  readonly #call: Call
  readonly #bodies: readonly Uint8Array[]
  #next = 0
  #body: Uint8Array = new Uint8Array()

  /** @param index of the caller: no two have a body in common */
  constructor(call: Call, index: number) {
    this.#call = call
    this.#bodies = Array.from({ length: BODIES }, (_, i) => ordersAsJson(BODY_BYTES, 1 + index * BODIES + i))
  }

  ask(): Promise<Uint8Array> {
    this.#body = this.#bodies[this.#next] ?? this.#body
    this.#next = (this.#next + 1) % BODIES
    return this.#call(this.#body)
  }

  check(answer: Uint8Array): void {
    if (Buffer.compare(answer, this.#body) !== 0) throw new Error(`a wrong answer of ${answer.byteLength} bytes`)
  }
}
