import type { MultiaddrConnection } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'

/** One way of a {@link NoiseLink}. */
export interface Way {
  /** Bytes that have gone through. */
  passed: number
  /** Bytes that go through before the link ends. */
  most: number
  /** While it is true bytes wait; what has waited then goes on as one message. */
  held: boolean
}

/** Two connections and somebody between them, who sees what goes over, holds it up, cuts it into bytes or cuts it off. */
export class NoiseLink {
  readonly near: MultiaddrConnection
  readonly far: MultiaddrConnection
  /** From `near` to `far`. */
  readonly out: Way = { passed: 0, most: Infinity, held: false }
  /** From `far` to `near`. */
  readonly back: Way = { passed: 0, most: Infinity, held: false }
  readonly #middle: [MultiaddrConnection, MultiaddrConnection]
  readonly #end: 'close' | 'reset'
  readonly #dribble: boolean
  readonly #waiting: [Uint8Array[], Uint8Array[]] = [[], []]

  constructor({ end = 'reset', dribble = false }: { end?: 'close' | 'reset'; dribble?: boolean } = {}) {
    const [near, one] = multiaddrConnectionPair()
    const [other, far] = multiaddrConnectionPair()
    this.near = near
    this.far = far
    this.#middle = [one, other]
    this.#end = end
    this.#dribble = dribble
    one.addEventListener('message', ({ data }) => this.#on(this.out, 0, data.slice(), other))
    other.addEventListener('message', ({ data }) => this.#on(this.back, 1, data.slice(), one))
  }

  /** Lets everything on that waits. */
  release(): void {
    const [one, other] = this.#middle
    this.out.held = false
    this.back.held = false
    this.#on(this.out, 0, Buffer.concat(this.#waiting[0].splice(0)), other)
    this.#on(this.back, 1, Buffer.concat(this.#waiting[1].splice(0)), one)
  }

  end(): void {
    for (const connection of this.#middle) {
      if (this.#end === 'close') void connection.close()
      else connection.abort(new Error('cut'))
    }
  }

  #on(way: Way, index: 0 | 1, data: Uint8Array, to: MultiaddrConnection): void {
    if (way.held) {
      this.#waiting[index].push(data)
      return
    }
    const whole = data.subarray(0, way.most - way.passed)
    way.passed += whole.byteLength
    const size = this.#dribble ? 1 : whole.byteLength
    for (let at = 0; at < whole.byteLength; at += size) to.send(whole.subarray(at, at + size))
    if (way.passed >= way.most) this.end()
  }
}
