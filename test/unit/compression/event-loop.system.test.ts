import { describe, expect, it } from 'vitest'
import { MIB, sameBytes } from '../../support/bytes.ts'
import { jsonOf, SIDES } from '../../support/codecs.ts'

const SIZE = 32 * MIB

/** What a promise gives, and how often the event loop came round until then. */
async function countTurns<T>(work: T | Promise<T>): Promise<{ result: T; turns: number }> {
  let turns = 0
  let isDone = false
  const count = (): void => {
    turns += 1
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  const result = await work
  isDone = true
  return { result, turns }
}

// Turns and not their time: how long one takes is up to what else the machine does.
describe.each(SIDES)('$name', ({ codec, algorithm }) => {
  it('leaves the event loop its turns while it works on 32 MiB', async () => {
    const bytes = jsonOf(SIZE)
    const compressed = await countTurns(codec.compress(algorithm, bytes, 1))
    expect(compressed.turns).toBeGreaterThan(SIZE / (64 * 1024) / 2)
    const back = await countTurns(codec.decompress(algorithm, compressed.result, SIZE))
    expect(back.turns).toBeGreaterThan(SIZE / (64 * 1024) / 2)
    expect(sameBytes(back.result, bytes)).toBe(true)
  })

  it('leaves the event loop its turns while 32 MiB of zeroes come out of a few bytes', async () => {
    const compressed = await codec.compress(algorithm, new Uint8Array(SIZE), 1)
    const { result, turns } = await countTurns(codec.decompress(algorithm, compressed, SIZE))
    expect(result.byteLength).toBe(SIZE)
    expect(turns).toBeGreaterThan(5)
  })

  it('works on several at once', async () => {
    const bodies = [1, 2, 3, 4].map(count => jsonOf(count * MIB))
    const compressed = await Promise.all(bodies.map(async body => codec.compress(algorithm, body, 1)))
    const back = await Promise.all(
      compressed.map(async (each, index) => codec.decompress(algorithm, each, bodies[index]?.byteLength ?? 0))
    )
    expect(back.map((each, index) => sameBytes(each, bodies[index] ?? new Uint8Array(0)))).not.toContain(false)
  })
})
