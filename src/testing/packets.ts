import type { Dice } from './dice.ts'
import type { Rules } from './fault-options.ts'

/** What befalls the bytes of a stream from an offset on. */
export type PacketFault =
  | { readonly kind: 'stall'; readonly offset: number }
  | { readonly kind: 'reset'; readonly offset: number }
  | { readonly kind: 'corruption'; readonly offset: number; readonly flip: number }

/** Draws a packet: every one has the same number of them, so that one option does not shift what others decide. */
const DRAWS = 5
const LOST = 0
const CORRUPT = 1
const PLACE = 2
const FLIP = 3
const JITTER = 4

/** The faults of the bytes from `start` up to `end`, in their order. */
export function packetFaults(dice: Dice, rules: Rules, start: number, end: number): PacketFault[] {
  const { packetSize, loss, lossMode, corruption } = rules
  if (loss === 0 && corruption === 0) return []
  const faults: PacketFault[] = []
  for (let packet = Math.floor(start / packetSize); packet * packetSize < end; packet += 1) {
    const first = packet * packetSize
    const draw = (what: number): number => dice.at(packet * DRAWS + what)
    // A packet is lost or not when its first byte passes.
    if (first >= start && draw(LOST) < loss) faults.push({ kind: lossMode, offset: first })
    const offset = first + Math.floor(draw(PLACE) * packetSize)
    if (offset >= start && offset < end && draw(CORRUPT) < corruption) {
      faults.push({ kind: 'corruption', offset, flip: 1 + Math.floor(draw(FLIP) * 255) })
    }
  }
  return faults
}

/** Milliseconds that the packet at `offset` takes. */
export function packetDelay(dice: Dice, { latency, jitter, packetSize }: Rules, offset: number): number {
  if (jitter === 0) return latency
  const draw = dice.at(Math.floor(offset / packetSize) * DRAWS + JITTER)
  return Math.max(0, latency + jitter * (2 * draw - 1))
}
