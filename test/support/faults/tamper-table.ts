import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Way } from './rig.ts'
import type { Direction, Fault, Plan } from './tamper.ts'
import { isDone, type Outcome, Tampering } from './tampering.ts'

/** Milliseconds a handshake may take. */
const TIMEOUT = 8_000
/** An end that is told of needs no timeout; but several dials go on at once, on a busy machine. */
const PROMPT = TIMEOUT / 2
const AT_ONCE = 8

/** A silent peer takes the whole time, so many are silent at once. */
const SHORT = 3_000
const SILENT_AT_ONCE = 64

/** Signatures are of 70 to 72 bytes, and two certificates never quite the same. */
const VARIES = 8
/** The second half of a version in the first record's head, which TLS 1.3 tells everybody to pass over. */
const IGNORED = 34

const DIRECTIONS: readonly Direction[] = ['out', 'back']

/** Every so many bytes, one fault after the other. */
function every(step: number, length: number, direction: Direction, faults: readonly Fault[]): Plan[] {
  return Array.from({ length: Math.floor(length / step) }, (_, count) => ({
    at: count * step + (count % step),
    direction,
    fault: faults[count % faults.length] ?? 'fin'
  }))
}

const slowest = (outcomes: readonly Outcome[]): number => Math.max(...outcomes.map(({ took }) => took))

/** Tests that cut a handshake at every byte. */
export function cutEverywhere(way: Way, faults: readonly Fault[], step = 1): void {
  let hosts: Tampering
  beforeAll(async () => {
    hosts = await Tampering.start(way, TIMEOUT)
  })
  afterAll(async () => hosts[Symbol.asyncDispose]())

  it.each(DIRECTIONS)(`ends at once when it is cut at any byte %s (${faults.join(', ')})`, async direction => {
    const length = await hosts.length(direction)
    const outcomes = await hosts.play(every(step, length + VARIES, direction, faults), AT_ONCE)
    expect(outcomes.length).toBeGreaterThan(200 / step)
    expect(slowest(outcomes)).toBeLessThan(PROMPT)
    expect(outcomes.filter(isDone).filter(({ plan }) => plan.at < length - VARIES)).toEqual([])
    await hosts.serves()
  })

  it.each(DIRECTIONS)('is done when it comes byte by byte %s', async direction => {
    const [outcome] = await hosts.play([{ direction, fault: 'pieces', at: 0 }], 1)
    expect(outcome).toMatchObject({ dialled: true, accepted: true })
  })
}

/** Tests that spoil what comes, or keep it back: what time alone can end. */
export function spoilEverywhere(way: Way, faults: readonly Fault[], step = 1): void {
  let hosts: Tampering
  beforeAll(async () => {
    hosts = await Tampering.start(way, SHORT)
  })
  afterAll(async () => hosts[Symbol.asyncDispose]())

  it.each(DIRECTIONS)(
    `ends in time when it goes wrong %s (${faults.join(', ')}), and nobody gets in`,
    async direction => {
      const length = await hosts.length(direction)
      const plans = every(step, length - VARIES, direction, faults)
      const outcomes = await hosts.play(plans, SILENT_AT_ONCE)
      expect(outcomes.length).toBeGreaterThan(200 / step)
      expect(outcomes.filter(isDone).filter(({ plan }) => way === 'noise' || plan.at !== IGNORED)).toEqual([])
      await hosts.serves()
    }
  )
}
