import type { Uint8ArrayList } from 'uint8arraylist'
import { startTimer, type Timer } from '../core/timers.ts'
import type { Dice } from './dice.ts'
import type { Rules } from './fault-options.ts'
import type { Lane } from './link.ts'
import { packetDelay, type PacketFault, packetFaults } from './packets.ts'

export type Bytes = Uint8Array | Uint8ArrayList

/** Bytes of one direction of a stream that may be on their way: more have to wait at their sender. */
export const WINDOW: number = 256 * 1024

/** Bytes that pass in one piece where they pass at a rate: those of 20 ms, within limits. */
const PIECES_A_SECOND = 50
const SMALLEST_PIECE = 64
const LARGEST_PIECE = 64 * 1024

/** How far, in ms, a slow reader may make up for timers that came late. */
const CATCH_UP = 50

/** Where the bytes come out. */
export interface PipeEnd {
  /** Whether it takes bytes now; when that changes {@link Pipe.pump} has to be called. */
  readonly ready: boolean
  onData(data: Bytes): void
  /** Bytes it was not ready for, with a reset behind them. */
  onOverrun(data: Bytes): void
  /** A fault has reset the stream. */
  onFault(): void
  /** Bytes may have left the pipe. */
  onRoom(): void
}

export interface PipeSource {
  readonly lane: Lane
  readonly dice: Dice
  readonly isHeld: () => boolean
  readonly record: (fault: PacketFault) => void
}

interface Item {
  /** Undefined for an end. */
  data: Bytes | undefined
  /** Whether the bytes are still in the memory of their writer. */
  borrowed: boolean
  offset: number
  due: number
  act: () => void
}

/** One direction of a stream: what goes in comes out in the same order, after the faults of its link. */
export class Pipe {
  readonly #source: PipeSource
  readonly #end: PipeEnd
  #items: Item[] = []
  #offset = 0
  #lastDue = 0
  #nextRead = 0
  /** When a reset behind the bytes is due. */
  #resetDue = Infinity
  #closed = false
  #pumping = false
  #timer: Timer | undefined
  /** Bytes on their way. */
  byteLength = 0

  constructor(source: PipeSource, end: PipeEnd) {
    this.#source = source
    this.#end = end
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  push(data: Bytes): void {
    if (this.#closed) return
    const { lane, dice, record } = this.#source
    const start = this.#offset
    this.#offset += data.byteLength
    let rest = data
    let from = 0
    let stall = 0
    for (const fault of packetFaults(dice, lane.rules, start, this.#offset)) {
      record(fault)
      const at = fault.offset - start
      if (fault.kind === 'corruption') {
        rest = corrupted(rest, at, fault.flip)
        continue
      }
      this.#add(cut(rest, from, at), start + from, stall)
      from = at
      stall = lane.rules.stallTime
      if (fault.kind === 'reset') {
        this.reset(() => this.#end.onFault())
        this.#keep()
        return
      }
    }
    this.#add(cut(rest, from, rest.byteLength), start + from, stall)
    this.pump()
    this.#keep()
  }

  /** Calls `act` when everything before has come out. */
  close(act: () => void): void {
    if (this.#closed) return
    this.#closed = true
    const due = this.#due(this.#offset, 0, 0)
    this.#items.push({ data: undefined, borrowed: false, offset: this.#offset, due, act })
    this.pump()
  }

  /** As {@link close}, but an end that takes no bytes does not hold it up. */
  reset(act: () => void): void {
    this.#closed = false
    this.#resetDue = this.#due(this.#offset, 0, 0)
    this.close(act)
  }

  /** Everything comes out at once, also where the end is not ready. */
  flush(): void {
    for (const item of this.#items) item.due = 0
    this.#resetDue = 0
    this.pump()
  }

  /** Drops everything, and what is still to come. */
  clear(): void {
    this.#closed = true
    this.#items = []
    this.byteLength = 0
    clearTimeout(this.#timer)
  }

  /** The rules have changed: what is on its way comes no later than it would have. */
  reschedule(): void {
    this.#lastDue = 0
    for (const item of this.#items) {
      item.due = Math.min(item.due, this.#due(item.offset, item.data?.byteLength ?? 0, 0))
      if (item.data === undefined && this.#resetDue < Infinity) this.#resetDue = item.due
    }
    this.#nextRead = 0
    this.pump()
  }

  /** Lets out what is due. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    clearTimeout(this.#timer)
    try {
      while (this.#step()) {
        // Until something has to wait.
      }
    } finally {
      this.#pumping = false
    }
    this.#end.onRoom()
  }

  #step(): boolean {
    const [item] = this.#items
    if (item === undefined || this.#source.isHeld()) return false
    const now = performance.now()
    if (item.due > now) return this.#wait(item.due - now)
    const { data } = item
    const ready = data === undefined || this.#end.ready
    if (data !== undefined && this.#resetDue > now) {
      const read = ready ? this.#readAt(now, data.byteLength) : Infinity
      if (read > now) return this.#wait(Math.min(read, this.#resetDue) - now)
    }
    this.#items.shift()
    if (data === undefined) {
      item.act()
      return true
    }
    this.byteLength -= data.byteLength
    if (ready) this.#end.onData(data)
    else this.#end.onOverrun(data)
    return true
  }

  /** When a slow reader takes the next bytes; now counts as taken. */
  #readAt(now: number, bytes: number): number {
    const { slowReader } = this.#source.lane.rules
    if (slowReader === Infinity) return now
    if (this.#nextRead > now) return this.#nextRead
    this.#nextRead = Math.max(this.#nextRead, now - CATCH_UP) + (bytes * 1_000) / slowReader
    return now
  }

  #wait(ms: number): false {
    // A timer may fire a little early, and would then be armed again and again.
    if (ms < Infinity) this.#timer = startTimer(Math.ceil(ms), () => this.pump())
    return false
  }

  /** Copies what has to wait: once it counts as sent, whoever wrote it may use its memory for something else. */
  #keep(): void {
    for (let i = this.#items.length - 1; i >= 0; i -= 1) {
      const item = this.#items[i]
      if (item?.data === undefined) continue
      if (!item.borrowed) return
      item.data = item.data.slice()
      item.borrowed = false
    }
  }

  #add(data: Bytes, offset: number, stall: number): void {
    const step = pieceSize(this.#source.lane.rules)
    for (let at = 0; at < data.byteLength; at += step) {
      const piece = cut(data, at, Math.min(at + step, data.byteLength))
      const due = this.#due(offset + at, piece.byteLength, stall)
      this.#items.push({ data: piece, borrowed: true, offset: offset + at, due, act: () => {} })
      this.byteLength += piece.byteLength
    }
  }

  #due(offset: number, bytes: number, stall: number): number {
    const { lane, dice } = this.#source
    let leaves = performance.now()
    if (lane.rules.bandwidth < Infinity) {
      lane.free = Math.max(lane.free, leaves) + (bytes * 1_000) / lane.rules.bandwidth
      leaves = lane.free
    }
    this.#lastDue = Math.max(this.#lastDue, leaves + packetDelay(dice, lane.rules, offset) + stall)
    return this.#lastDue
  }
}

function pieceSize({ bandwidth, slowReader }: Rules): number {
  const rate = Math.min(bandwidth, slowReader)
  if (rate === Infinity) return Infinity
  return Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, Math.ceil(rate / PIECES_A_SECOND)))
}

function cut(data: Bytes, from: number, to: number): Bytes {
  if (from === 0 && to === data.byteLength) return data
  return data instanceof Uint8Array ? data.subarray(from, to) : data.sublist(from, to)
}

/** A copy, for the sender's own bytes stay as they are. */
function corrupted(data: Bytes, at: number, flip: number): Uint8Array {
  const copy = data.slice()
  copy[at] = (copy[at] ?? 0) ^ flip
  return copy
}
