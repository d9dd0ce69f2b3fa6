import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat } from '../../../src/core/bytes.ts'

describe('concat()', () => {
  it('puts any parts together as Buffer.concat() does', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), parts => {
        const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
        expect(Buffer.compare(concat(parts, length), Buffer.concat(parts))).toBe(0)
      })
    )
  })

  it('copies nothing when there is one part', () => {
    const part = new Uint8Array(5)
    expect(concat([part], 5)).toBe(part)
  })

  it('is empty without parts', () => {
    expect(concat([], 0)).toEqual(new Uint8Array(0))
  })
})
