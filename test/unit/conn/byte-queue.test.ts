import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteQueue } from '../../../src/conn/byte-queue.ts'

const bytes = fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ minLength: 2_000, maxLength: 5_000 }))
const step = fc.oneof(
  { weight: 5, arbitrary: bytes.map(chunk => ({ do: 'push' as const, chunk })) },
  { weight: 3, arbitrary: fc.constant({ do: 'shift' as const }) },
  { weight: 1, arbitrary: bytes.map(chunk => ({ do: 'unshift' as const, chunk })) }
)

describe('ByteQueue', () => {
  it('gives the bytes back in order, whatever is pushed, taken and put back in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const queue = new ByteQueue()
        let expected: number[] = []
        for (const each of steps) {
          if (each.do === 'shift') {
            const chunk = queue.shift()
            expect([...(chunk ?? [])]).toEqual(expected.slice(0, chunk?.byteLength ?? 0))
            expected = expected.slice(chunk?.byteLength ?? 0)
          } else {
            queue[each.do](each.chunk)
            expected = each.do === 'push' ? [...expected, ...each.chunk] : [...each.chunk, ...expected]
          }
          expect(queue.byteLength).toBe(expected.length)
        }
        const rest: number[] = []
        for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) rest.push(...chunk)
        expect(rest).toEqual(expected)
      })
    )
  })

  it('keeps many small chunks in few large ones', () => {
    const queue = new ByteQueue()
    for (let i = 0; i < 100_000; i++) queue.push(Uint8Array.of(i))
    let chunks = 0
    while (queue.shift() !== undefined) chunks += 1
    expect(chunks).toBeLessThan(10)
  })

  it('does not change a chunk that has been taken when more comes', () => {
    const queue = new ByteQueue()
    for (const byte of [1, 2, 3]) queue.push(Uint8Array.of(byte))
    queue.shift()
    const taken = queue.shift()
    queue.push(Uint8Array.of(4))
    queue.push(Uint8Array.of(5))
    expect([...(taken ?? [])]).toEqual([2, 3])
  })
})
