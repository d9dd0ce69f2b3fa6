import { LONGEST_TIMER } from '../core/timers.ts'

/**
 * What keeps a process up for a node, in place of the node's own handles: one timer, there while the node is up and
 * referenced or held by somebody, and while it starts or stops.
 */
export class ProcessHold {
  #referenced = true
  #holders = 0
  #changes = 0
  #isUp = (): boolean => false
  #handle: ReturnType<typeof setInterval> | undefined

  /** Says what this is for: `isUp` is asked whenever something changes. */
  follow(isUp: () => boolean): void {
    this.#isUp = isUp
  }

  set referenced(referenced: boolean) {
    this.#referenced = referenced
    this.#update()
  }

  /** Holds the process until the returned function is called, for the first time. */
  take(): () => void {
    let held = true
    this.#holders += 1
    this.#update()
    return () => {
      if (held) this.#holders -= 1
      held = false
      this.#update()
    }
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
    if (this.#changes > 0 || (this.#isUp() && (this.#referenced || this.#holders > 0))) {
      this.#handle ??= setInterval(() => {}, LONGEST_TIMER)
    } else {
      clearInterval(this.#handle)
      this.#handle = undefined
    }
  }
}
