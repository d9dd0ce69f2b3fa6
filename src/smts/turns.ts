import type { Cancellation } from '../core/cancellation.ts'

/** Lets one after the other do something, in the order they came. */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  /**
   * Waits for its turn; the returned function ends it.
   *
   * @throws PointSubError the reason, when it is cancelled before
   */
  async take(cancellation: Cancellation): Promise<() => void> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = before.then(() => promise)
    try {
      await cancellation.race(before)
    } catch (error) {
      resolve()
      throw error
    }
    return resolve
  }
}
