/** The step of SplitMix's counter, 2^32 divided by the golden ratio. */
const STEP = 0x9e3779b9

/**
 * SplitMix (Steele, Lea and Flood 2014) in 32 bits: value n is a function of the seed and n alone, so what is decided
 * about one packet depends neither on when it passes nor on what was asked about others.
 */
export class Dice {
  readonly #seed: number

  constructor(seed: string) {
    this.#seed = mix(hash(seed))
  }

  /** Value `index`, a whole number below 2^32. */
  whole(index: number): number {
    return mix((this.#seed + Math.imul(index + 1, STEP)) >>> 0)
  }

  /** Value `index`, from 0 up to but not including 1. */
  at(index: number): number {
    return this.whole(index) / 2 ** 32
  }
}

/** The finaliser of MurmurHash3: every bit of the input changes every bit of the output with the same chance. */
function mix(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** FNV-1a in 32 bits. */
function hash(text: string): number {
  let bits = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) bits = Math.imul(bits ^ byte, 0x01000193)
  return bits >>> 0
}
