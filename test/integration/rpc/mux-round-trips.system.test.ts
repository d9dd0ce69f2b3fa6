import { describe, expect, it } from 'vitest'
import { Client, Server } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { ourHost } from '../../support/hosts.ts'
import { LongLink } from '../../support/long-link.ts'
import { watchOffers, wiresOf } from '../../support/mux.ts'
import { MUX } from '../../support/raw-mux.ts'
import { echo, PROTOCOL } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

type Wire = 'auto' | 'plain' | 'mux'

interface Scene {
  /** Of the client and of the server. */
  wires: readonly [Wire, Wire]
  calls?: number
  /** Whether the peer has been identified before the first call, and whether the client was there by then. */
  identified?: 'before the client' | 'with the client'
}

interface Outcome {
  /** Round trips from the first call to the last answer. */
  roundTrips: number
  /** What was offered to the peer, by stream. */
  offers: string[][]
}

/** Calls a peer for the first time, over a link that takes its time. */
async function play({ wires: [client, server], calls = 1, identified }: Scene): Promise<Outcome> {
  await using there = await ourHost()
  await using here = await ourHost()
  await using serving = new Server(there, { wire: server })
  await serving.start(PROTOCOL, echo)
  await using link = await LongLink.before(there)
  const create = (): Client => new Client(here, { maxRetries: 0, wire: client })
  await using early = create()
  if (identified !== undefined) {
    let told = false
    here.addEventListener('peer:identify', () => (told = true))
    await here.dial(link.address)
    await until(
      'identify is in',
      () => told,
      isTold => isTold
    )
  }
  await using late = create()
  const calling = identified === 'before the client' ? late : early
  const offers = watchOffers(here)
  const before = link.trips
  const texts = Array.from({ length: calls }, (_, index) => `call ${index}`)
  const answers = await Promise.all(texts.map(text => calling.send(link.address, PROTOCOL, bytesOf(text))))
  const roundTrips = (link.trips - before) / 2
  expect(answers.map(textOf)).toEqual(texts)
  expect(new Set(wiresOf(calling))).toEqual(new Set([server === 'plain' ? 'plain' : 'mux']))
  return { roundTrips, offers }
}

describe('round trips of the first call on a cold connection', () => {
  it('are as many to a mux peer as on the plain wire, and one more to a plain-only peer', async () => {
    const plain = await play({ wires: ['plain', 'plain'] })
    const mux = await play({ wires: ['auto', 'auto'] })
    const pinned = await play({ wires: ['mux', 'mux'] })
    const downgraded = await play({ wires: ['auto', 'plain'] })
    expect(plain.offers).toEqual([[PROTOCOL]])
    expect(mux).toEqual({ roundTrips: plain.roundTrips, offers: [[MUX, PROTOCOL]] })
    expect(pinned).toEqual({ roundTrips: plain.roundTrips, offers: [[MUX]] })
    expect(downgraded).toEqual({ roundTrips: plain.roundTrips + 1, offers: [[MUX, PROTOCOL]] })
  })

  it('are shared by all 100 calls that wait, and the peer is asked for the mux wire once', async () => {
    const plain = await play({ wires: ['plain', 'plain'], calls: 100 })
    const downgraded = await play({ wires: ['auto', 'plain'], calls: 100 })
    const mux = await play({ wires: ['auto', 'auto'], calls: 100 })
    const [first, ...others] = downgraded.offers
    expect(first).toEqual([MUX, PROTOCOL])
    expect(others.flat()).toEqual(others.map(() => PROTOCOL))
    expect(downgraded.roundTrips).toBeLessThanOrEqual(plain.roundTrips + 1)
    expect(mux.offers).toEqual([[MUX, PROTOCOL]])
    expect(mux.roundTrips).toBeLessThanOrEqual(plain.roundTrips)
  })
})

describe('round trips of the first call once identify is in', () => {
  it('are two, for the stream and for the answer, whichever wire the peer has', async () => {
    for (const wires of [
      ['plain', 'plain'],
      ['auto', 'plain'],
      ['auto', 'auto'],
      ['auto', 'mux']
    ] as const) {
      const id = wires[1] === 'plain' ? PROTOCOL : MUX
      expect(await play({ wires, identified: 'with the client' })).toEqual({ roundTrips: 2, offers: [[id]] })
    }
  })

  it('are one more at the most, once, when the client was made later and the peer is plain-only', async () => {
    const identified = 'before the client'
    const mux = await play({ wires: ['auto', 'auto'], identified })
    expect(mux.roundTrips).toBe(2)
    const plain = await play({ wires: ['auto', 'plain'], identified, calls: 5 })
    expect(plain.offers.filter(ids => ids.includes(MUX)).length).toBeLessThanOrEqual(1)
    expect(plain.roundTrips).toBeLessThanOrEqual(4)
  })
})
