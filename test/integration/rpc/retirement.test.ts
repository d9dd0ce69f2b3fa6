import { describe, expect, it } from 'vitest'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { streamsOf } from '../../support/leftovers.ts'
import { Gate, PROTOCOL, Rpc, repeat } from '../../support/rpc.ts'
import { WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

/** A handler that notes which streams exist while it is at work. */
function noting(rpcOf: () => Rpc): { handler: Handler; ids: Set<string>; most: () => number } {
  const ids = new Set<string>()
  let most = 0
  const handler: Handler = request => {
    const streams = streamsOf(PROTOCOL, rpcOf().pair.server)
    for (const { id } of streams) ids.add(id)
    most = Math.max(most, streams.length)
    return request
  }
  return { handler, ids, most: () => most }
}

describe.each(WIRES)('idleTimeout of a client on the %s wire', wire => {
  it('closes the streams that were not used for that long, and nothing is left', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler, clientOptions: { idleTimeout: 200 } })
    const calls = Promise.all(Array.from({ length: 20 }, () => rpc.send(HELLO)))
    await gate.reached(20)
    gate.open()
    await calls
    const start = performance.now()
    expect(rpc.openStreams).toBe(wire === 'plain' ? 20 : 1)
    await rpc.nothingLeft()
    expect(performance.now() - start).toBeGreaterThanOrEqual(180)
    expect(rpc.failures).toEqual([])
  })

  it('leaves streams alone that are in use, however long a call takes', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler, clientOptions: { idleTimeout: 50 } })
    const call = rpc.send(HELLO)
    await gate.reached(1)
    await new Promise(resolve => setTimeout(resolve, 300))
    gate.open()
    expect(textOf(await call)).toBe('hello')
  })

  it('counts from the last use: a stream used now and then stays', async () => {
    await using rpc = await Rpc.create({ wire, clientOptions: { idleTimeout: 400 } })
    await rpc.send(HELLO)
    const [first] = streamsOf(PROTOCOL, rpc.pair.client)
    for (let round = 0; round < 12; round += 1) {
      await new Promise(resolve => setTimeout(resolve, 50))
      await rpc.send(HELLO)
    }
    expect(streamsOf(PROTOCOL, rpc.pair.client)[0]?.id).toBe(first?.id)
  })

  it('never costs a call: calls made just when streams retire all succeed', async () => {
    await using rpc = await Rpc.create({ wire, clientOptions: { idleTimeout: 20 } })
    for (let round = 0; round < 40; round += 1) {
      expect(textOf(await rpc.send(bytesOf(`call ${round}`)))).toBe(`call ${round}`)
      await new Promise(resolve => setTimeout(resolve, 15 + (round % 20)))
    }
    expect(rpc.failures).toEqual([])
  })
})

describe('maxRequestsPerStream', () => {
  it('does not matter on the mux wire, where a session goes on until its server has enough of it', async () => {
    const note = noting(() => rpc)
    await using rpc = await Rpc.create({
      wire: 'mux',
      handler: note.handler,
      clientOptions: { maxRequestsPerStream: 1 }
    })
    for (let index = 0; index < 20; index += 1) await rpc.send(HELLO)
    expect(note.ids.size).toBe(1)
  })

  it('is how many requests a stream carries, no more and no less', async () => {
    const note = noting(() => rpc)
    await using rpc = await Rpc.create({ handler: note.handler, clientOptions: { maxRequestsPerStream: 10 } })
    for (let index = 0; index < 100; index += 1) await rpc.send(HELLO)
    expect(note.ids.size).toBe(10)
    await rpc.nothingLeft()
    expect(rpc.failures).toEqual([])
  })

  it('of one makes a stream for each call', async () => {
    const note = noting(() => rpc)
    await using rpc = await Rpc.create({ handler: note.handler, clientOptions: { maxRequestsPerStream: 1 } })
    await repeat(50, 5, async () => {
      await rpc.send(HELLO)
    })
    expect(note.ids.size).toBe(50)
    await rpc.nothingLeft()
  })

  it('reached by all streams at once costs no call, at a peer that admits as many as Go does: 75', async () => {
    const note = noting(() => rpc)
    await using rpc = await Rpc.create({
      handler: note.handler,
      clientOptions: { maxRequestsPerStream: 2 },
      serverOptions: { maxStreamsPerConnection: 75 }
    })
    await repeat(1_000, 64, async index => {
      expect(textOf(await rpc.send(bytesOf(`call ${index}`)))).toBe(`call ${index}`)
    })
    expect(note.most()).toBeLessThanOrEqual(75)
    await rpc.client.close()
    await rpc.nothingLeft()
  })
})
