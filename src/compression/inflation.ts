import { Gunzip } from 'fflate'
import { concat } from '../core/bytes.ts'
import { PointSubError } from '../core/errors.ts'
import { corrupt, leftOver, tooFew, tooMany } from './codec.ts'

/**
 * Compressed bytes that fflate sees at once. It decodes all it was given before anybody can stop it, so this times 1,032
 * is what data that lies about its size can have decoded too much: 4 MiB, some ten milliseconds.
 */
const SLICE = 4 * 1024
const GZIP_HEADER = Uint8Array.of(31, 139, 8, 0, 0, 0, 0, 0, 0, 255)
/** Stands for the checksum and length at the end of a gzip member, which fflate skips, and the header of the next one. */
const NEXT_MEMBER = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, ...GZIP_HEADER)

/**
 * Raw DEFLATE data, inflated into exactly the bytes that were announced.
 *
 * fflate tells where compressed data ends only within gzip, by announcing the member behind it. So the data is handed to
 * it as a gzip member, followed by another: when that is found where it was put, the data is whole and nothing is behind
 * its end.
 */
export class Inflation {
  readonly #out: Uint8Array
  readonly #compressed: Uint8Array
  readonly #gunzip: Gunzip
  #at = 0
  #length = 0
  #isWhole = false

  constructor(compressed: Uint8Array, size: number) {
    this.#compressed = compressed
    this.#out = new Uint8Array(size)
    this.#gunzip = new Gunzip(piece => this.#take(piece))
    this.#gunzip.onmember = offset => this.#end(offset)
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length
  }

  /** Inflates some more, a few milliseconds of work; whether there is still more to do. */
  step(): boolean {
    const { byteLength } = this.#compressed
    const from = this.#at
    this.#at = Math.min(byteLength, from + SLICE)
    const parts = [this.#compressed.subarray(from, this.#at)]
    if (from === 0) parts.unshift(GZIP_HEADER)
    if (this.#at === byteLength) parts.push(NEXT_MEMBER)
    try {
      this.#gunzip.push(
        concat(
          parts,
          parts.reduce((sum, part) => sum + part.byteLength, 0)
        )
      )
    } catch (error) {
      throw error instanceof PointSubError ? error : corrupt('deflate-raw', error)
    }
    return this.#at < byteLength
  }

  /** All of it, after the last step. */
  finish(): Uint8Array {
    if (!this.#isWhole) throw corrupt('deflate-raw')
    if (this.#length < this.#out.byteLength) throw tooFew(this.#length, this.#out.byteLength)
    return this.#out
  }

  #take(piece: Uint8Array): void {
    if (this.#length + piece.byteLength > this.#out.byteLength) throw tooMany(this.#out.byteLength)
    this.#out.set(piece, this.#length)
    this.#length += piece.byteLength
  }

  #end(nextMember: number): void {
    const end = GZIP_HEADER.byteLength + this.#compressed.byteLength
    if (nextMember !== end + NEXT_MEMBER.byteLength - GZIP_HEADER.byteLength) throw leftOver()
    this.#isWhole = true
  }
}
