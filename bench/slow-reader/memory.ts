/** How often memory is looked at, in ms. */
const INTERVAL = 50

/** How much more memory this process takes than when {@link start} was called, in bytes. */
export class MemoryGrowth {
  #resident = 0
  #held = 0
  #peak = 0

  start(): void {
    this.#held = held()
    this.#resident = process.memoryUsage.rss()
    setInterval(() => this.#look(), INTERVAL).unref()
  }

  /** The largest growth of the resident memory since this was last asked for. */
  takePeak(): number {
    this.#look()
    const peak = this.#peak - this.#resident
    this.#peak = 0
    return peak
  }

  /** The growth of what is still in use once garbage is gone; the allocator may keep freed memory resident. */
  get inUse(): number {
    return held() - this.#held
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, process.memoryUsage.rss())
  }
}

function held(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
