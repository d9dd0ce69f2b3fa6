import { PointSubError } from '../core/errors.ts'

/** How a body can be compressed: DEFLATE without a wrapper (RFC 1951), or one Zstandard frame (RFC 8878). */
export type Algorithm = 'deflate-raw' | 'zstd'

/** From this size up, in bytes, a codec leaves the event loop free while it works. */
export const LARGE: number = 256 * 1024

/** Compresses and decompresses whole bodies. `#codec` is the best one of the platform. */
export interface Codec {
  /** What it can read and write: `deflate-raw` always, then `zstd` where Node has it. */
  readonly algorithms: readonly Algorithm[]

  /**
   * The compressed bytes: at once below 256 KiB; above that a promise, and `bytes` must stay as they are until it is
   * kept.
   *
   * @param level 1 (fast) to 9 (small)
   * @throws PointSubError `ERR_INVALID_ARGUMENT` for an algorithm that is not among its own
   */
  compress(algorithm: Algorithm, bytes: Uint8Array, level: number): Uint8Array | Promise<Uint8Array>

  /**
   * What was compressed, which must be exactly `size` bytes: at once when that is below 256 KiB, otherwise a promise.
   * No more than `size` bytes, and a bounded piece of work beyond them, are ever produced, whatever the data claims.
   *
   * @throws PointSubError `ERR_INVALID_FRAME` when the data is corrupt, ends too early, holds more or fewer bytes, has
   * others behind its end, or is longer than `size` by more than an eighth and 128 bytes; for `zstd` also when it is
   * anything but one frame (several, or a skippable one), needs a dictionary, or does not say how much it holds and
   * needs a window of more than 8 MiB
   */
  decompress(algorithm: Algorithm, bytes: Uint8Array, size: number): Uint8Array | Promise<Uint8Array>
}

/**
 * The most bytes one compressed byte can stand for. DEFLATE: 258 bytes in two bits; Zstandard: a block of 128 KiB in
 * four bytes.
 */
const DENSEST: Readonly<Record<Algorithm, number>> = { 'deflate-raw': 1032, zstd: 32 * 1024 }

/** Refuses a size that `bytes` cannot hold, or that no compressor would need them for, before anything is spent on it. */
export function checkClaim(algorithm: Algorithm, bytes: Uint8Array, size: number): void {
  const { byteLength } = bytes
  // Nothing in the formats keeps data from being mostly blocks of nothing, each of which takes its time.
  const worstCase = size + (size >> 3) + 128
  if (size > byteLength * DENSEST[algorithm] || byteLength > worstCase) {
    throw unreadable(`${byteLength} compressed bytes for the ${size} it announced`)
  }
}

/** @param what the peer sent */
function unreadable(what: string, cause?: unknown): PointSubError {
  return new PointSubError('ERR_INVALID_FRAME', `the peer sent ${what}`, cause === undefined ? {} : { cause })
}

export function corrupt(algorithm: Algorithm, cause?: unknown): PointSubError {
  return unreadable(`compressed data that is no ${algorithm}, or not whole`, cause)
}

export function tooMany(size: number): PointSubError {
  return unreadable(`compressed data of more than the ${size} bytes it announced`)
}

export function tooFew(length: number, size: number): PointSubError {
  return unreadable(`compressed data of ${length} bytes and announced ${size}`)
}

export function leftOver(): PointSubError {
  return unreadable('bytes behind the end of its compressed data')
}

/** For an algorithm this side has never said it reads. */
export function notOffered(algorithm: Algorithm): PointSubError {
  return unreadable(`a body compressed with ${algorithm}, which was not offered`)
}

export function notSupported(algorithm: Algorithm): PointSubError {
  return new PointSubError('ERR_INVALID_ARGUMENT', `there is no ${algorithm} on this platform`)
}
