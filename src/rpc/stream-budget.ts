import type { Cancellation } from '../core/cancellation.ts'

/** Bounds the streams that all pools of a client have open; who finds none left waits in order. */
export class StreamBudget {
  readonly #max: number
  readonly #reclaim: () => boolean
  /** In the order they came. */
  readonly #waiting = new Set<() => void>()
  #taken = 0
  /** Places that those who hold them are giving up. */
  #coming = 0

  /** @param reclaim closes a stream that nobody uses; whether there was one */
  constructor(max: number, reclaim: () => boolean) {
    this.#max = max
    this.#reclaim = reclaim
  }

  /** Whether a stream should be closed for somebody who waits; whoever asks does so. */
  claim(): boolean {
    if (this.#coming >= this.#waiting.size) return false
    this.#coming += 1
    return true
  }

  /** A place for one stream; {@link give} it back when that is gone. @throws PointSubError on cancellation */
  async take(cancellation: Cancellation): Promise<void> {
    if (this.#taken < this.#max) {
      this.#taken += 1
      return
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.add(resolve)
    if (this.#coming < this.#waiting.size && this.#reclaim()) this.#coming += 1
    try {
      await cancellation.race(promise)
    } catch (error) {
      // It may have been handed over in the same turn.
      if (!this.#waiting.delete(resolve)) this.give()
      throw error
    }
  }

  give(): void {
    this.#coming = Math.max(0, this.#coming - 1)
    const [next] = this.#waiting
    if (next === undefined) {
      this.#taken -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
