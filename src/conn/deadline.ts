import { PointSubError } from '../core/errors.ts'
import { LONGEST_TIMER, startTimer, type Timer, unref } from '../core/timers.ts'

/** A moment in time after which operations fail, as Go's `SetDeadline`: it can be moved, and taken back. */
export class Deadline {
  readonly #onExpire: () => void
  #timer: Timer | undefined
  #passed = false

  constructor(onExpire: () => void) {
    this.#onExpire = onExpire
  }

  get passed(): boolean {
    return this.#passed
  }

  /** @param at milliseconds since the epoch, a Date, or `undefined` for none */
  set(at: number | Date | undefined): void {
    this.clear()
    if (at === undefined) return
    const wait = Number(at) - Date.now()
    if (Number.isNaN(wait)) {
      throw new PointSubError('ERR_INVALID_ARGUMENT', 'a deadline is a Date or milliseconds since the epoch')
    }
    this.#arm(wait)
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#passed = false
  }

  #arm(wait: number): void {
    if (wait <= 0) {
      this.#passed = true
      this.#onExpire()
      return
    }
    const step = Math.min(wait, LONGEST_TIMER)
    this.#timer = startTimer(step, () => this.#arm(wait - step))
    // What waits for the deadline may hold the process; the deadline itself is no reason to stay.
    unref(this.#timer)
  }
}
