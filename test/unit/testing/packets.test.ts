import { describe, expect, it } from 'vitest'
import { Dice } from '../../../src/testing/dice.ts'
import { type FaultOptions, resolveFaults } from '../../../src/testing/fault-options.ts'
import { type PacketFault, packetDelay, packetFaults } from '../../../src/testing/packets.ts'

const LENGTH = 1_000_000
const dice = new Dice('a stream')

function faultsOf(options: FaultOptions, ...cuts: number[]): PacketFault[] {
  const rules = resolveFaults(options, 'test')
  const edges = [0, ...cuts, LENGTH]
  return edges.slice(1).flatMap((end, i) => packetFaults(dice, rules, edges[i] ?? 0, end))
}

describe('the faults of packets', () => {
  it('are the same however the bytes are cut', () => {
    const options = { loss: 0.1, corruption: 0.1, packetSize: 100 }
    const whole = faultsOf(options)
    const everyByte = Array.from({ length: 5_000 }, (_, i) => i + 1)
    const places = (faults: PacketFault[]): string[] => faults.map(fault => JSON.stringify(fault)).toSorted()
    expect(places(faultsOf(options, ...everyByte, 7_777, 400_000))).toEqual(places(whole))
  })

  it('come as often as asked for', () => {
    const losses = faultsOf({ loss: 0.25, packetSize: 100 })
    expect(losses.length / 10_000).toBeCloseTo(0.25, 1)
    expect(faultsOf({ loss: 1, packetSize: 100 }).length).toBe(10_000)
    expect(faultsOf({ corruption: 1, packetSize: 100 }).length).toBe(10_000)
    expect(faultsOf({ packetSize: 100 })).toEqual([])
  })

  it('of one kind do not depend on another', () => {
    const lost = (options: FaultOptions): number[] =>
      faultsOf(options).flatMap(({ kind, offset }) => (kind === 'stall' ? [offset] : []))
    expect(lost({ loss: 0.1, corruption: 0.5, jitter: 5 })).toEqual(lost({ loss: 0.1 }))
  })

  it('jitter goes up and down by as much, and never below zero', () => {
    const delays = (options: FaultOptions): number[] =>
      Array.from({ length: 2_000 }, (_, i) => packetDelay(dice, resolveFaults(options, 'test'), i * 1_400))
    const around = delays({ latency: 50, jitter: 20 })
    expect(Math.min(...around)).toBeGreaterThanOrEqual(30)
    expect(Math.min(...around)).toBeLessThan(32)
    expect(Math.max(...around)).toBeLessThanOrEqual(70)
    expect(Math.max(...around)).toBeGreaterThan(68)
    expect(Math.min(...delays({ latency: 5, jitter: 20 }))).toBe(0)
    expect(new Set(delays({ latency: 5 }))).toEqual(new Set([5]))
  })
})
