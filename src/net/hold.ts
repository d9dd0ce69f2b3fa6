import type { Host } from '../core/host.ts'

/** Keeps the process up as a handle of Node's does: while it is both open and referenced. */
export class Hold {
  readonly #host: Host | undefined
  #open = false
  #referenced = true
  #held = false

  constructor(host: Host | undefined) {
    this.#host = host
  }

  open(): void {
    this.#open = true
    this.#update()
  }

  close(): void {
    this.#open = false
    this.#update()
  }

  reference(referenced: boolean): void {
    this.#referenced = referenced
    this.#update()
  }

  #update(): void {
    const held = this.#open && this.#referenced
    if (held === this.#held) return
    this.#held = held
    if (held) this.#host?.ref?.()
    else this.#host?.unref?.()
  }
}
