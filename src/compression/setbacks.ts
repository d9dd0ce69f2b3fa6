/** Attempts in a row that have to fail before any are spared. */
const FAILURES = 3
const FIRST_PAUSE = 4
const LONGEST_PAUSE = 256

/**
 * Spares attempts that are likely to fail like those before them: after three failures in a row four, after the next one
 * eight, and so on up to 256. One success forgets it all.
 */
export class Setbacks {
  #failures = 0
  #pause = FIRST_PAUSE
  #spare = 0

  /** Whether to do without this attempt. */
  spares(): boolean {
    if (this.#spare === 0) return false
    this.#spare -= 1
    return true
  }

  succeeded(): void {
    this.#failures = 0
    this.#pause = FIRST_PAUSE
    this.#spare = 0
  }

  failed(): void {
    this.#failures += 1
    if (this.#failures < FAILURES) return
    this.#spare = this.#pause
    this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 2)
  }
}
