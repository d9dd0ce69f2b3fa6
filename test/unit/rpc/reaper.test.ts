import { describe, expect, it } from 'vitest'
import type { PointSubError } from '../../../src/index.ts'
import { Reaper, type ReaperInit } from '../../../src/rpc/reaper.ts'
import type { ServedStream } from '../../../src/rpc/served-stream.ts'

/** Far from now, so that the first sweep is sure to clean up and every later one goes by this clock alone. */
const START = performance.now() + 1_000_000_000
const SECOND = 1_000

interface Made {
  peer?: string
  protocol?: string
  /** Milliseconds since it was last used, at {@link START}. */
  unused?: number
  requests?: number
  isRaw?: boolean
  isIdle?: boolean
}

/** A stream that only notes what becomes of it. */
class FakeStream implements ServedStream {
  readonly conn: ServedStream['conn']
  readonly wire = 'plain'
  readonly isRaw: boolean
  readonly requests: number
  readonly createdAt: number = 0
  isIdle: boolean
  lastActive: number
  killed: PointSubError | undefined
  /** Whether it was stopped. */
  stopped = false

  constructor({ peer = 'peer', protocol = '/a', unused = 0, requests = 1, isRaw = false, isIdle = true }: Made) {
    this.conn = { remotePeer: { toString: () => peer }, protocol } as unknown as ServedStream['conn']
    this.isRaw = isRaw
    this.isIdle = isIdle
    this.requests = requests
    this.lastActive = START - unused
  }

  get isOver(): boolean {
    return this.killed !== undefined || this.stopped
  }

  sweep(): void {}

  stop(): void {
    this.stopped = true
    this.isIdle = this.isRaw
  }

  kill(reason: PointSubError): void {
    this.killed = reason
    this.isIdle = this.isRaw
  }
}

function streams(count: number, made: (index: number) => Made = () => ({})): FakeStream[] {
  return Array.from({ length: count }, (_, index) => new FakeStream(made(index)))
}

/** A reaper that has just cleaned up at {@link START}. */
function reaper(init: Partial<ReaperInit> = {}): Reaper {
  const subject = new Reaper({ maxIdlePerPeer: 64, maxIdleTime: 1_000_000, cleanupInterval: 1_000_000, ...init })
  subject.sweep([], START)
  return subject
}

const killed = (all: FakeStream[]): number[] => all.flatMap((stream, index) => (stream.killed ? [index] : []))
const stopped = (all: FakeStream[]): number[] => all.flatMap(({ stopped: by }, i) => (by ? [i] : []))

describe('streams a peer left open after an answer', () => {
  it('are left alone while they are no more than maxIdlePerPeer, however old', () => {
    const all = streams(64, () => ({ unused: 1_000 * SECOND }))
    reaper().sweep(all, START)
    expect(killed(all)).toEqual([])
  })

  it('above it are reset, those unused longest first, whatever order they came in', () => {
    const all = streams(70, index => ({ unused: 2 * SECOND + ((index * 31) % 70) }))
    reaper().sweep(all, START)
    const oldest = all.toSorted((a, b) => a.lastActive - b.lastActive).slice(0, 6)
    expect(oldest.every(stream => stream.killed !== undefined)).toBe(true)
    expect(killed(all)).toHaveLength(6)
    expect(oldest[0]?.killed).toMatchObject({ code: 'ERR_STREAM_CLOSED' })
  })

  it('get a second each, for the next request may be on its way', () => {
    const all = streams(100, () => ({ unused: SECOND }))
    const subject = reaper()
    subject.sweep(all, START)
    expect(killed(all)).toEqual([])
    subject.sweep(all, START + 1)
    expect(killed(all)).toHaveLength(36)
    subject.sweep(all, START + 2)
    expect(killed(all), 'the rest is not too many').toHaveLength(36)
  })

  it('get less when they are more than four times as many', () => {
    const all = streams(300, index => ({ unused: 101 + index }))
    reaper().sweep(all, START)
    const oldest = all.slice(256)
    expect(killed(all)).toHaveLength(44)
    expect(oldest.every(stream => stream.killed !== undefined)).toBe(true)
    const young = streams(300, () => ({ unused: 100 }))
    reaper().sweep(young, START)
    expect(killed(young)).toEqual([])
  })

  it('are counted by peer and by protocol', () => {
    const all = streams(60, index => ({ peer: `p${index % 3}`, protocol: `/${index % 2}`, unused: 2 * SECOND }))
    reaper({ maxIdlePerPeer: 10 }).sweep(all, START)
    expect(killed(all)).toEqual([])
    reaper({ maxIdlePerPeer: 9 }).sweep(all, START)
    expect(killed(all)).toHaveLength(6)
  })

  it('are not those in use, those of which no request has come yet, and raw ones', () => {
    const kinds: Made[] = [{ isIdle: false }, { requests: 0 }, { isRaw: true, requests: 0 }]
    const all = streams(300, index => ({ ...kinds[index % 3], unused: 60 * SECOND }))
    reaper({ maxIdlePerPeer: 1 }).sweep(all, START)
    expect(killed(all)).toEqual([])
  })
})

describe('streams idle for longer than maxIdleTime', () => {
  const init = { maxIdleTime: 10 * SECOND, cleanupInterval: 60 * SECOND }

  it('are ended, politely, raw ones too; those in use are not', () => {
    const old = { unused: 10 * SECOND }
    const all = [
      new FakeStream({ unused: 9 * SECOND }),
      new FakeStream(old),
      new FakeStream({ ...old, isRaw: true, requests: 0 }),
      new FakeStream({ ...old, requests: 0 }),
      new FakeStream({ ...old, isIdle: false })
    ]
    const subject = reaper(init)
    for (const stream of all) stream.lastActive += 60 * SECOND - 1
    subject.sweep(all, START + 60 * SECOND)
    expect(stopped(all)).toEqual([1, 2, 3])
    expect(killed(all)).toEqual([])
  })

  it('go at each cleanupInterval, not before', () => {
    const all = streams(3, () => ({ unused: 100 * SECOND }))
    const subject = reaper(init)
    for (const after of [0, 1, 59_999]) subject.sweep(all, START + after)
    expect(stopped(all)).toEqual([])
    subject.sweep(all, START + 60_000)
    expect(stopped(all)).toEqual([0, 1, 2])
    const later = streams(1, () => ({ unused: 100 * SECOND }))
    subject.sweep(later, START + 119_999)
    expect(stopped(later)).toEqual([])
    subject.sweep(later, START + 120_000)
    expect(stopped(later)).toEqual([0])
  })

  it('are looked for first one cleanupInterval after the server was made', () => {
    const all = streams(1, () => ({ unused: 1_000_000_000 }))
    new Reaper({ ...init, maxIdlePerPeer: 64, cleanupInterval: 3_600_000 }).sweep(all, performance.now())
    expect(stopped(all)).toEqual([])
  })
})

describe('making room in a full server', () => {
  it('takes a twentieth of the unused streams, the oldest, and at least one', () => {
    const all = streams(100, index => ({ unused: 101 + ((index * 37) % 100) }))
    expect(reaper().makeRoom(all, START)).toBe(true)
    const oldest = all.toSorted((a, b) => a.lastActive - b.lastActive).slice(0, 5)
    expect(oldest.every(stream => stream.killed?.code === 'ERR_MAX_CONNS')).toBe(true)
    expect(killed(all)).toHaveLength(5)
    const one = streams(1, () => ({ unused: 101 }))
    expect(reaper().makeRoom(one, START)).toBe(true)
    expect(killed(one)).toEqual([0])
  })

  it('takes none that was used within 100 ms, is in use or raw: then there is no room', () => {
    const kinds: Made[] = [{ unused: 100 }, { unused: 5_000, isIdle: false }, { unused: 5_000, isRaw: true }]
    const all = streams(30, index => kinds[index % 3] ?? {})
    expect(reaper().makeRoom(all, START)).toBe(false)
    expect(killed(all)).toEqual([])
  })

  it('takes streams on which nothing was ever asked, too', () => {
    const all = streams(20, () => ({ unused: 5_000, requests: 0 }))
    expect(reaper().makeRoom(all, START)).toBe(true)
    expect(killed(all)).toHaveLength(1)
  })

  it('again and again empties it', () => {
    const all = streams(50, () => ({ unused: 5_000 }))
    const subject = reaper()
    for (let round = 0; subject.makeRoom(all, START); round += 1) expect(round).toBeLessThan(50)
    expect(all.every(({ isOver }) => isOver)).toBe(true)
  })
})
