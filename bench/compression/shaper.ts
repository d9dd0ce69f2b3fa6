import type { Socket } from 'node:net'

/** How far the time of sending may run behind, in ms: what a process that did not get its turn makes up for. */
const MAX_LAG = 50
/** Bytes that leave together: the first is as late as the last. */
const SLICE_BYTES = 8 * 1024

/**
 * One direction of a link: passes bytes on at a rate, those of a slice when the last of them would have been sent. It
 * holds one chunk (64 KiB at most) and reads no further meanwhile, so that the sender feels the link.
 */
export class Shaper {
  readonly #from: Socket
  readonly #to: Socket
  readonly #bytesPerMs: number
  readonly #busy: Set<Shaper>
  #slices: Uint8Array[] = []
  /** When the link has sent all that it took. */
  #freeAt = 0
  /** Whether a chunk that comes now has waited for the link, so that it begins when the one before ended. */
  #behind = false
  #reads = 0

  /** @param busy those directions of the link that hold something, of which this will be one */
  constructor(from: Socket, to: Socket, bytesPerSecond: number, busy: Set<Shaper>) {
    this.#from = from
    this.#to = to
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#busy = busy
    from.on('data', chunk => this.#take(chunk))
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }

  #take(chunk: Buffer): void {
    this.#from.pause()
    this.#busy.add(this)
    const now = performance.now()
    this.#freeAt = Math.max(this.#freeAt, this.#behind ? now - MAX_LAG : now)
    for (let at = 0; at < chunk.byteLength; at += SLICE_BYTES) this.#slices.push(chunk.subarray(at, at + SLICE_BYTES))
    this.#pass()
  }

  #pass = (): void => {
    for (let [slice] = this.#slices; slice !== undefined; [slice] = this.#slices) {
      const sentAt = this.#freeAt + slice.byteLength / this.#bytesPerMs
      const wait = sentAt - performance.now()
      if (wait > 0) {
        this.#passAfter(wait)
        return
      }
      this.#freeAt = sentAt
      this.#slices.shift()
      this.#to.write(slice)
    }
    if (this.#to.writableNeedDrain) this.#to.once('drain', () => this.#readOn())
    else this.#readOn()
  }

  /**
   * A timer is up to a millisecond late, which a stream of chunks makes up for. A single message could not: where one
   * side waits for the other there is time to look at the clock instead.
   */
  #passAfter(wait: number): void {
    if (wait > 2 || this.#behind || this.#busy.size > 1) setTimeout(this.#pass, wait)
    else setImmediate(this.#pass)
  }

  #readOn(): void {
    this.#busy.delete(this)
    this.#behind = true
    this.#from.resume()
    this.#reads += 1
    const read = this.#reads
    // What waits in the kernel is read in the turn of the event loop that comes now.
    setImmediate(() => setImmediate(() => this.#caughtUp(read)))
  }

  /** Nothing has come since the link was free. */
  #caughtUp(read: number): void {
    if (read === this.#reads && !this.#busy.has(this)) this.#behind = false
  }
}
