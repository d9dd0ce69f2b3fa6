/** What `maxConcurrentConns` does not adapt above, as in Go. */
const LARGEST_MAX = 10_000
/** Below this load the maximum grows. */
const LOW_LOAD = 0.4

export interface ConnectionLimiterInit {
  /** Streams at once to start with. */
  readonly max: number
  /** What the maximum does not shrink below; it is fixed when it starts below that. */
  readonly min: number
  /** Load above which the maximum shrinks. */
  readonly maxLoadFactor: number
  /** Least milliseconds between two steps. */
  readonly interval: number
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/**
 * How many streams a server takes on: Go PointSub's rule. Whenever one comes or goes the load, `active / max`, is looked
 * at: above `maxLoadFactor` the maximum shrinks by a tenth, below 0.4 it grows by a tenth, and a step that would leave
 * the range is not taken. So an idle server walks to 10,000 within some 25 streams, and one that gets near its maximum
 * takes on less: it bounds what is open, it does not find out what the machine can do.
 */
export class ConnectionLimiter {
  readonly #init: ConnectionLimiterInit
  #max: number
  #active = 0
  #lastStep = Number.NEGATIVE_INFINITY

  constructor(init: ConnectionLimiterInit) {
    this.#init = init
    this.#max = init.max
  }

  get max(): number {
    return this.#max
  }

  get active(): number {
    return this.#active
  }

  get isFull(): boolean {
    return this.#active >= this.#max
  }

  started(): void {
    this.#active += 1
    this.#adapt()
  }

  ended(): void {
    this.#active -= 1
    this.#adapt()
  }

  #adapt(): void {
    const { max, min, maxLoadFactor, interval, now } = this.#init
    if (max < min) return
    const load = this.#active / this.#max
    const factor = load > maxLoadFactor ? 0.9 : load < LOW_LOAD ? 1.1 : 1
    const next = Math.trunc(this.#max * factor)
    // One that was set to more than it may grow to still shrinks.
    if (next === this.#max || next < min || (next > LARGEST_MAX && factor > 1)) return
    const time = interval === 0 ? 0 : now()
    if (interval > 0 && time - this.#lastStep < interval) return
    this.#lastStep = time
    this.#max = next
  }
}
