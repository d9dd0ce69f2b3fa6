import { startTimer, type Timer, unref } from '../core/timers.ts'

/** Tells when each of many is due, with one timer: most are done long before. */
export class Deadlines<T> {
  readonly #onDue: (item: T) => void
  readonly #items = new Map<T, number>()
  #timer: Timer | undefined
  /** When the timer fires, on performance.now()'s clock. */
  #next = Number.POSITIVE_INFINITY

  constructor(onDue: (item: T) => void) {
    this.#onDue = onDue
  }

  /** @param at on performance.now()'s clock */
  add(item: T, at: number): void {
    this.#items.set(item, at)
    if (at < this.#next) this.#arm(at)
  }

  /** Leaves the timer armed: the next item is likely to need it. */
  delete(item: T): void {
    this.#items.delete(item)
  }

  clear(): void {
    this.#items.clear()
    clearTimeout(this.#timer)
    this.#next = Number.POSITIVE_INFINITY
  }

  #arm(at: number): void {
    clearTimeout(this.#timer)
    this.#next = at
    if (at === Number.POSITIVE_INFINITY) return
    this.#timer = startTimer(Math.max(0, Math.ceil(at - performance.now())), () => this.#fire())
    unref(this.#timer)
  }

  #fire(): void {
    const now = performance.now()
    this.#next = Number.POSITIVE_INFINITY
    let next = Number.POSITIVE_INFINITY
    for (const [item, at] of this.#items) {
      if (at > now) {
        next = Math.min(next, at)
        continue
      }
      this.#items.delete(item)
      this.#onDue(item)
    }
    // What came due may have added others.
    this.#arm(Math.min(next, this.#next))
  }
}
