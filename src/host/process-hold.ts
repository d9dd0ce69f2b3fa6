import { LONGEST_TIMER } from '../core/timers.ts'

/**
 * What keeps a process up for a node, in place of the node's own handles: one timer, there while the node is up and
 * somebody holds it, and while it starts or stops. One holder, whoever made it, is there from the start.
 */
export class ProcessHold {
  #holders = 1
  #changes = 0
  #isUp = (): boolean => false
  #handle: ReturnType<typeof setInterval> | undefined

  /** Says what this is for: `isUp` is asked whenever something changes. */
  follow(isUp: () => boolean): void {
    this.#isUp = isUp
  }

  ref(): void {
    this.#holders += 1
    this.#update()
  }

  /** One more than there are holders does nothing: what holds later must not pay for it. */
  unref(): void {
    this.#holders = Math.max(0, this.#holders - 1)
    this.#update()
  }

  /** Holds the process until `change`, a start or a stop, has settled, whether or not there are holders. */
  async during<T>(change: () => T | Promise<T>): Promise<T> {
    this.#changes += 1
    this.#update()
    try {
      return await change()
    } finally {
      this.#changes -= 1
      this.#update()
    }
  }

  #update(): void {
    if (this.#changes > 0 || (this.#isUp() && this.#holders > 0)) {
      this.#handle ??= setInterval(() => {}, LONGEST_TIMER)
    } else {
      clearInterval(this.#handle)
      this.#handle = undefined
    }
  }
}
