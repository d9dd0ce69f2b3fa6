import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Direction, Fault, Plan } from '../../support/faults/tamper.ts'
import { type Outcome, Tampering } from '../../support/faults/tampering.ts'

const TIMEOUT = 4_000
/** An end that is told of needs no timeout. */
const PROMPT = TIMEOUT / 2
const AT_ONCE = 16

const DIRECTIONS: readonly Direction[] = ['out', 'back']

function everyByte(length: number, direction: Direction, fault: Fault): Plan[] {
  return Array.from({ length }, (_, at) => ({ at, direction, fault }))
}

const slowest = (outcomes: readonly Outcome[]): number => Math.max(...outcomes.map(({ took }) => took))

describe.each(['tls', 'noise'] as const)('a handshake of %s', security => {
  let hosts: Tampering
  let lengths: Record<Direction, number>
  beforeAll(async () => {
    hosts = await Tampering.start(security, TIMEOUT)
    lengths = await hosts.lengths()
  })
  afterAll(async () => hosts[Symbol.asyncDispose]())

  it.each(DIRECTIONS.flatMap(direction => (['fin', 'reset'] as const).map(fault => ({ direction, fault }))))(
    'that a $fault ends behind any byte $direction ends at once',
    { timeout: 300_000 },
    async ({ direction, fault }) => {
      const start = performance.now()
      const outcomes = await hosts.play(everyByte(lengths[direction], direction, fault), AT_ONCE)
      console.log(security, direction, fault, lengths[direction], 'slowest', slowest(outcomes), 'all', performance.now() - start)
      expect(slowest(outcomes)).toBeLessThan(PROMPT)
      await hosts.serves()
    }
  )
})
