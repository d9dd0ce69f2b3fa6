/** How often memory is looked at, in ms. */
const INTERVAL = 50

/** The growth of this process's resident memory since {@link start}, in bytes. */
export class MemoryGrowth {
  #baseline = 0
  #peak = 0

  start(): void {
    this.#baseline = process.memoryUsage.rss()
    setInterval(() => this.#look(), INTERVAL).unref()
  }

  /** The growth now. */
  get now(): number {
    return this.#look() - this.#baseline
  }

  /** The largest growth since it was last asked for. */
  takePeak(): number {
    this.#look()
    const peak = this.#peak - this.#baseline
    this.#peak = 0
    return peak
  }

  #look(): number {
    const rss = process.memoryUsage.rss()
    this.#peak = Math.max(this.#peak, rss)
    return rss
  }
}
