/** Bytes under way to begin with, and at least. */
const LEAST = 64 * 1024
/** A round trip of so much more than the fastest one, in ms, or times it, means that bytes wait somewhere. */
const SLACK = 2
const SLOW = 2
/** After so long the fastest round trip is measured anew, in ms: the way to the peer may have changed. */
const MEMORY = 30_000

interface Sent {
  /** Bytes sent so far, these included. */
  readonly upTo: number
  readonly at: number
}

/**
 * How many bytes of large messages may be under way: enough to keep the connection busy, and no more, for what waits in
 * its queues stands before every small message. Grows while round trips are as fast as the fastest, shrinks when they
 * are not: congestion avoidance by delay, as in TCP Vegas.
 */
export class Pacer {
  readonly #most: number
  #window = LEAST
  #sent = 0
  #credited = 0
  #pending: Sent[] = []
  #fastest = Number.POSITIVE_INFINITY
  #fastestSince = 0

  /** @param most bytes that may be under way whatever the round trips are */
  constructor(most: number) {
    this.#most = most
  }

  /** Bytes that may be sent now. */
  get room(): number {
    return Math.max(0, this.#window - (this.#sent - this.#credited))
  }

  /** @param now on a monotonic clock, in ms */
  sent(bytes: number, now: number): void {
    this.#sent += bytes
    this.#pending.push({ upTo: this.#sent, at: now })
  }

  /** The peer has taken so many bytes. */
  taken(bytes: number, now: number): void {
    this.#credited = Math.min(this.#sent, this.#credited + bytes)
    const answered = this.#pending.findLast(({ upTo }) => upTo <= this.#credited)
    if (answered === undefined) return
    this.#pending = this.#pending.filter(({ upTo }) => upTo > this.#credited)
    const roundTrip = now - answered.at
    if (roundTrip < this.#fastest || now - this.#fastestSince > MEMORY) {
      this.#fastest = roundTrip
      this.#fastestSince = now
    }
    const isSlow = roundTrip > Math.max(this.#fastest * SLOW, this.#fastest + SLACK)
    this.#window = isSlow ? Math.max(LEAST, this.#window - bytes) : Math.min(this.#most, this.#window + bytes)
  }
}
