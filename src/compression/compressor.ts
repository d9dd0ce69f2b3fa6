import { codec as platformCodec } from '#codec'
import { type Algorithm, type Codec, LARGE } from './codec.ts'
import { excerpt, looksRandom } from './sample.ts'
import { Setbacks } from './setbacks.ts'

/** From this size up zstd takes less time than DEFLATE, and less space; measured, see docs/performance.md. */
const ZSTD_FROM = 64 * 1024
/** Of a large body, what is compressed first to see whether the rest is worth it. */
const EXCERPT_BYTES = 16 * 1024

/** What is compressed, and how well. */
export interface CompressorOptions {
  /** Whether anything is. */
  readonly enabled: boolean
  /** Bytes a body must have. */
  readonly threshold: number
  /** What compresses to this share of its size or more is sent as it is. */
  readonly maxRatio: number
  /** 1 (fast) to 9 (small). */
  readonly level: number
}

/** A body that was worth it. */
export interface Compressed {
  readonly algorithm: Algorithm
  readonly bytes: Uint8Array
}

/** Decides for one session, that is one peer and protocol, what is compressed and how; then does it. */
export class Compressor {
  readonly #options: CompressorOptions
  readonly #codec: Codec
  readonly #setbacks = new Setbacks()
  #algorithms: readonly Algorithm[] = ['deflate-raw']

  constructor(options: CompressorOptions, codec: Codec = platformCodec) {
    this.#options = options
    this.#codec = codec
  }

  /** What the peer can read; before it has said so, `deflate-raw` alone. Nothing is compressed for one that reads none. */
  peerReads(algorithms: readonly Algorithm[]): void {
    this.#algorithms = this.#codec.algorithms.filter(algorithm => algorithms.includes(algorithm))
  }

  /**
   * The body compressed, or undefined when it is to be sent as it is. At once below 256 KiB; above that it may be a
   * promise, and the body must stay as it is until that is kept.
   */
  compress(body: Uint8Array): Compressed | undefined | Promise<Compressed | undefined> {
    const { enabled, threshold, level } = this.#options
    const algorithm = this.#algorithmFor(body.byteLength)
    if (!enabled || algorithm === undefined || body.byteLength < threshold) return undefined
    if (looksRandom(body) || this.#setbacks.spares()) return undefined
    if (body.byteLength >= LARGE) return this.#compressLarge(algorithm, body)
    const bytes = this.#codec.compress(algorithm, body, level)
    return bytes instanceof Uint8Array ? this.#judge(algorithm, bytes, body) : this.#judgeLater(algorithm, bytes, body)
  }

  async #compressLarge(algorithm: Algorithm, body: Uint8Array): Promise<Compressed | undefined> {
    if (!(await this.#isWorthIt(algorithm, excerpt(body, EXCERPT_BYTES)))) return undefined
    return this.#judgeLater(algorithm, this.#codec.compress(algorithm, body, this.#options.level), body)
  }

  /** The whole may do better than its pieces: what repeats itself over longer distances is not in these. */
  async #isWorthIt(algorithm: Algorithm, piece: Uint8Array): Promise<boolean> {
    const { level, maxRatio } = this.#options
    try {
      const trial = await this.#codec.compress(algorithm, piece, level)
      if (trial.byteLength < (piece.byteLength * (1 + maxRatio)) / 2) return true
    } catch {
      // There was not enough memory: then it is sent as it is.
    }
    this.#setbacks.failed()
    return false
  }

  /** Never rejects: what could not be compressed, for want of memory for instance, can still be sent as it is. */
  async #judgeLater(
    algorithm: Algorithm,
    bytes: Uint8Array | Promise<Uint8Array>,
    body: Uint8Array
  ): Promise<Compressed | undefined> {
    try {
      return this.#judge(algorithm, await bytes, body)
    } catch {
      this.#setbacks.failed()
      return undefined
    }
  }

  #algorithmFor(size: number): Algorithm | undefined {
    const [first, second] = this.#algorithms
    return second !== undefined && size >= ZSTD_FROM ? second : first
  }

  #judge(algorithm: Algorithm, bytes: Uint8Array, body: Uint8Array): Compressed | undefined {
    if (bytes.byteLength >= body.byteLength * this.#options.maxRatio) {
      this.#setbacks.failed()
      return undefined
    }
    this.#setbacks.succeeded()
    return { algorithm, bytes }
  }
}
