import { startTimer, type Timer, unref } from '../core/timers.ts'

/** How long to make do with the streams that are open before one more is tried, in ms: from, to. */
const BACKOFF = [250, 15_000] as const

/**
 * What a pool does while its peer seems to bound its streams (js-libp2p resets those above only after it has agreed to
 * them): it opens no more for a while, and keeps the places that have none. Then one may try again; when that works,
 * all may.
 */
export class MakingDo<Place> {
  readonly #giveBack: (place: Place) => void
  readonly #kept = new Set<Place>()
  #timer: Timer | undefined
  #time: number = BACKOFF[0]

  /** @param giveBack takes a place that is not kept any more */
  constructor(giveBack: (place: Place) => void) {
    this.#giveBack = giveBack
  }

  /** Whether no more streams are to be opened now. */
  get isOn(): boolean {
    return this.#timer !== undefined
  }

  keeps(place: Place): boolean {
    return this.#kept.has(place)
  }

  /** Keeps a place for which no stream could be opened. */
  keep(place: Place): void {
    this.#kept.add(place)
    if (this.isOn) return
    this.#timer = startTimer(this.#time, () => {
      this.#timer = undefined
      const [first] = this.#kept
      if (first !== undefined) this.#return(first)
    })
    unref(this.#timer)
    this.#time = Math.min(this.#time * 2, BACKOFF[1])
  }

  /** One more stream has worked. */
  worked(): void {
    this.#time = BACKOFF[0]
    this.end()
  }

  /** Gives every place back. */
  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const place of this.#kept) this.#return(place)
  }

  #return(place: Place): void {
    this.#kept.delete(place)
    this.#giveBack(place)
  }
}
