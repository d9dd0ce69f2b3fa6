import { unref } from '../core/timers.ts'

/** Something that may have been waiting for too long. */
export interface Sweepable {
  /** Looks whether it has; called now and then. */
  sweep(now: number): void
}

/** Longest time between two looks, in ms. */
const INTERVAL = 250

/**
 * One timer for many streams, instead of one each: looks at all of them a few times per shortest timeout. Times out
 * between one and one and a quarter of what was asked.
 */
export class Sweeper {
  readonly #interval: number
  readonly #members = new Set<Sweepable>()
  readonly #after: ((now: number) => void) | undefined
  #timer: ReturnType<typeof setInterval> | undefined

  /** @param after called each time all members have been looked at */
  constructor(shortestTimeout: number, after?: (now: number) => void) {
    this.#interval = Math.min(INTERVAL, Math.max(5, Math.floor(shortestTimeout / 4)))
    this.#after = after
  }

  add(member: Sweepable): void {
    this.#members.add(member)
    if (this.#timer !== undefined) return
    this.#timer = setInterval(() => {
      const now = performance.now()
      for (const each of this.#members) each.sweep(now)
      this.#after?.(now)
    }, this.#interval)
    unref(this.#timer)
  }

  delete(member: Sweepable): void {
    this.#members.delete(member)
    if (this.#members.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
