/** Sees how long somebody has waited for a peer that takes nothing. */
export class ProgressWatch {
  #taken = 0
  #since = 0

  /**
   * The milliseconds without progress.
   *
   * @param isWaiting whether there is something for the peer to take
   * @param taken bytes it has taken so far
   */
  look(now: number, isWaiting: boolean, taken: number): number {
    if (!isWaiting || taken !== this.#taken || this.#since === 0) this.#since = now
    this.#taken = taken
    return now - this.#since
  }
}
