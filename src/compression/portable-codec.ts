import { Deflate, type DeflateOptions, deflateSync } from 'fflate'
import { concat } from '../core/bytes.ts'
import { type Algorithm, type Codec, checkClaim, LARGE, notOffered, notSupported } from './codec.ts'
import { Inflation } from './inflation.ts'
import { turn } from './turn.ts'

/** Work between two turns of the event loop, in bytes that are not compressed: some milliseconds. */
const TURN = 64 * 1024
/** The most steps between two turns: data can be made to take long and yield nothing. */
const STEPS = 8
const LEVELS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const

function compress(algorithm: Algorithm, bytes: Uint8Array, level: number): Uint8Array | Promise<Uint8Array> {
  if (algorithm !== 'deflate-raw') throw notSupported(algorithm)
  const options = { level: LEVELS[level] ?? 1 }
  return bytes.byteLength < LARGE ? deflateSync(bytes, options) : deflateInTurns(bytes, options)
}

async function deflateInTurns(bytes: Uint8Array, options: DeflateOptions): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  const deflate = new Deflate(options, part => {
    parts.push(part)
    length += part.byteLength
  })
  for (let at = 0; at < bytes.byteLength; at += TURN) {
    deflate.push(bytes.subarray(at, at + TURN), at + TURN >= bytes.byteLength)
    await turn()
  }
  return concat(parts, length)
}

function decompress(algorithm: Algorithm, bytes: Uint8Array, size: number): Uint8Array | Promise<Uint8Array> {
  return size < LARGE ? inflateNow(algorithm, bytes, size) : inflateInTurns(algorithm, bytes, size)
}

function inflateNow(algorithm: Algorithm, bytes: Uint8Array, size: number): Uint8Array {
  const inflation = readable(algorithm, bytes, size)
  while (inflation.step());
  return inflation.finish()
}

async function inflateInTurns(algorithm: Algorithm, bytes: Uint8Array, size: number): Promise<Uint8Array> {
  const inflation = readable(algorithm, bytes, size)
  let steps = 0
  let length = 0
  while (inflation.step()) {
    steps += 1
    if (steps < STEPS && inflation.length < length + TURN) continue
    steps = 0
    length = inflation.length
    await turn()
  }
  return inflation.finish()
}

function readable(algorithm: Algorithm, bytes: Uint8Array, size: number): Inflation {
  if (algorithm !== 'deflate-raw') throw notOffered(algorithm)
  checkClaim(algorithm, bytes, size)
  return new Inflation(bytes, size)
}

/** On fflate, in JavaScript alone: below 256 KiB at once, above that in slices with the event loop's turns between. */
export const codec: Codec = { algorithms: ['deflate-raw'], compress, decompress }
