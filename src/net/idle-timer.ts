import { startTimer, type Timer } from '../core/timers.ts'

/** Calls `onIdle` once when it was not refreshed for the time it was set to; it never holds the process up. */
export class IdleTimer {
  readonly #onIdle: () => void
  #timer: Timer | undefined

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle
  }

  /** @param ms 0 for never */
  set(ms: number): void {
    this.clear()
    if (ms > 0) this.#timer = startTimer(ms, this.#onIdle).unref()
  }

  refresh(): void {
    this.#timer?.refresh()
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
