import type { Host } from '../core/host.ts'

/** Keeps the process up as a handle of Node's does: while it is both active and referenced. */
export class Hold {
  readonly #host: Host | undefined
  #active = false
  #referenced = true
  #release: (() => void) | undefined

  constructor(host: Host | undefined) {
    this.#host = host
  }

  set active(active: boolean) {
    this.#active = active
    this.#update()
  }

  set referenced(referenced: boolean) {
    this.#referenced = referenced
    this.#update()
  }

  #update(): void {
    const held = this.#active && this.#referenced
    if (held === (this.#release !== undefined)) return
    this.#release?.()
    this.#release = held ? this.#host?.hold?.() : undefined
  }
}
