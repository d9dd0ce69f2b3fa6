import { startTimer, type Timer, unref } from '../core/timers.ts'

/** How long to make do with the streams that are open before one more is tried, in ms: from, to. */
const BACKOFF = [250, 2_000] as const

/**
 * What a pool does while its peer seems to bound its streams (js-libp2p resets those above only after it has agreed to
 * them): it opens no more for a while, and keeps the places that have none. Then one may try again, and if nothing
 * speaks against it two, four and so on.
 */
export class MakingDo<Place> {
  readonly #giveBack: (place: Place) => void
  readonly #kept = new Set<Place>()
  #timer: Timer | undefined
  #growing: Timer | undefined
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
    clearTimeout(this.#growing)
    this.#timer = startTimer(this.#time, () => {
      this.#timer = undefined
      this.#tryAgain(1)
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
    clearTimeout(this.#growing)
    this.#timer = undefined
    for (const place of this.#kept) this.#return(place)
  }

  /** Takes one of the places out, for somebody else; undefined when there are none. */
  take(): Place | undefined {
    const [place] = this.#kept
    if (place !== undefined) this.#kept.delete(place)
    return place
  }

  /** Silence is consent: a peer that bounds its streams resets at once, while an answer may take long. */
  #tryAgain(places: number): void {
    for (const place of [...this.#kept].slice(0, places)) this.#return(place)
    if (this.#kept.size === 0) return
    this.#growing = startTimer(BACKOFF[0], () => this.#tryAgain(places * 2))
    unref(this.#growing)
  }

  #return(place: Place): void {
    this.#kept.delete(place)
    this.#giveBack(place)
  }
}
