import type { Algorithm, Codec } from '../../src/compression/codec.ts'
import { codec as node } from '../../src/compression/node-codec.ts'
import { codec as portable } from '../../src/compression/portable-codec.ts'
import { bytesOf } from './bytes.ts'

interface Side {
  readonly name: string
  readonly codec: Codec
  readonly algorithm: Algorithm
}

const both: Side[] = [
  { name: 'node:zlib', codec: node, algorithm: 'deflate-raw' },
  { name: 'fflate', codec: portable, algorithm: 'deflate-raw' }
]

/** Every codec with every algorithm it has here. */
export const SIDES: readonly Side[] = [
  ...both,
  ...(node.algorithms.includes('zstd') ? [{ name: 'zstd', codec: node, algorithm: 'zstd' as const }] : [])
]

/** Every pair of which the second reads what the first writes. */
export const PAIRS: readonly (readonly [string, Side, Side])[] = SIDES.flatMap(writer =>
  SIDES.filter(reader => reader.algorithm === writer.algorithm).map(
    reader => [`${writer.name} to ${reader.name}`, writer, reader] as const
  )
)

/** Rows as services send them, of `length` bytes; the same ones every time. */
export function jsonOf(length: number): Uint8Array {
  const rows: string[] = []
  let characters = 1
  for (let id = 0, dice = 1; characters < length; id += 1) {
    dice = (Math.imul(dice, 1_664_525) + 1_013_904_223) >>> 0
    const row = JSON.stringify({ id, user: `user-${dice % 5_000}`, score: dice / 1_000, tags: ['a', dice % 7] })
    rows.push(row)
    characters += row.length + 1
  }
  return bytesOf(`[${rows.join(',')},`).subarray(0, length)
}
