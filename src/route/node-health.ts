/** Longest time a failing node is passed over, in ms. */
const LONGEST_SKIP = 15 * 60_000

/** A node with more than this many requests and this share of successes is not passed over for a failure. */
const RELIABLE = { requests: 100, successes: 0.95 }

/**
 * Whether a node is worth asking: after its n-th failure in a row it is passed over for 2^n seconds, 15 minutes at most,
 * unless it has proven reliable. The rule of Go PointSub v1.1.3.
 */
export class NodeHealth {
  requests = 0
  failures = 0
  #failuresInRow = 0
  #skipUntil = 0

  /** @param now milliseconds of a monotonic clock */
  isSkipped(now: number): boolean {
    return now < this.#skipUntil && !this.#isReliable()
  }

  succeeded(): void {
    this.requests += 1
    this.#failuresInRow = 0
    this.#skipUntil = 0
  }

  failed(now: number): void {
    this.requests += 1
    this.failures += 1
    this.#failuresInRow += 1
    this.#skipUntil = now + Math.min(LONGEST_SKIP, 1_000 * 2 ** this.#failuresInRow)
  }

  #isReliable(): boolean {
    return this.requests > RELIABLE.requests && 1 - this.failures / this.requests > RELIABLE.successes
  }
}
