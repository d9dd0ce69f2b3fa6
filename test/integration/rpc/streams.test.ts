import { describe, expect, it } from 'vitest'
import { Client, type ClientOptions, type Handler, type PeerLike, Server } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { streamsOf } from '../../support/leftovers.ts'
import { echo, Gate, PROTOCOL, Rpc, repeat } from '../../support/rpc.ts'
import { WIRES } from '../../support/wires.ts'

describe('streams of the plain wire', () => {
  it('serve many requests one after the other: 500 calls, one stream', async () => {
    await using rpc = await Rpc.create()
    for (let index = 0; index < 500; index += 1) {
      expect(textOf(await rpc.send(bytesOf(`call ${index}`)))).toBe(`call ${index}`)
      expect(rpc.openStreams).toBe(1)
    }
    expect(streamsOf(PROTOCOL, rpc.pair.client)[0]?.id).toBe(streamsOf(PROTOCOL, rpc.pair.server)[0]?.id)
  })

  it('are at most 64 for 1,000 requests at 64 concurrent', async () => {
    let most = 0
    const seen = new Set<string>()
    const handler: Handler = async request => {
      await new Promise(resolve => setImmediate(resolve))
      most = Math.max(most, rpc.openStreams, rpc.servedStreams)
      for (const { id } of streamsOf(PROTOCOL, rpc.pair.server)) seen.add(id)
      return request
    }
    await using rpc = await Rpc.create({ handler })
    await repeat(1_000, 64, async index => {
      expect(textOf(await rpc.send(bytesOf(`call ${index}`)))).toBe(`call ${index}`)
    })
    expect(most).toBeLessThanOrEqual(64)
    expect(seen.size, 'streams opened in all').toBeLessThanOrEqual(64)
    expect(rpc.failures).toEqual([])
  })

  it('are at most 64 for 1,000 requests at once; the rest wait', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ handler: gate.handler })
    const calls = Promise.all(Array.from({ length: 1_000 }, (_, index) => rpc.send(bytesOf(`call ${index}`))))
    await gate.reached(64)
    expect(rpc.openStreams).toBe(64)
    const opening = setInterval(() => gate.open(), 1)
    const answers = await calls
    clearInterval(opening)
    expect(answers.map(textOf)).toEqual(Array.from({ length: 1_000 }, (_, index) => `call ${index}`))
    expect(rpc.openStreams).toBeLessThanOrEqual(64)
  })

  it('are as few as maxStreamsPerPeer says, and callers get them in order', async () => {
    const order: string[] = []
    const handler: Handler = request => {
      order.push(textOf(request))
      return request
    }
    await using rpc = await Rpc.create({ handler, clientOptions: { maxStreamsPerPeer: 1 } })
    const texts = Array.from({ length: 100 }, (_, index) => `call ${index}`)
    await Promise.all(texts.map(text => rpc.send(bytesOf(text))))
    expect(order).toEqual(texts)
    expect(rpc.openStreams).toBe(1)
  })

  it('are as many as maxStreamsPerPeer says, above the 64 that libp2p opens by default', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({
      handler: gate.handler,
      clientOptions: { maxStreamsPerPeer: 200, maxTotalConns: 200 }
    })
    const calls = Promise.all(Array.from({ length: 200 }, (_, index) => rpc.send(bytesOf(`call ${index}`))))
    await gate.reached(200)
    expect(rpc.openStreams).toBe(200)
    gate.open()
    expect((await calls).map(textOf)).toEqual(Array.from({ length: 200 }, (_, index) => `call ${index}`))
  })
})

describe.each(WIRES)('streams of the %s wire', wire => {
  it('are the same whatever names the peer', async () => {
    await using rpc = await Rpc.create({ wire })
    const { peerId } = rpc.pair.server
    const [plain = ''] = rpc.address.toString().split('/p2p/')
    const names: PeerLike[] = [
      rpc.address,
      rpc.address.toString(),
      peerId,
      peerId.toString(),
      peerId.toCID().toString(),
      `/p2p/${peerId.toString()}`,
      plain
    ]
    for (const name of names) {
      expect(textOf(await rpc.client.send(name, PROTOCOL, bytesOf(String(name))))).toBe(String(name))
      expect(rpc.openStreams).toBe(1)
    }
  })

  it('are kept apart by protocol', async () => {
    await using rpc = await Rpc.create({ wire })
    await rpc.server.start('/test/shout', request => bytesOf(textOf(request).toUpperCase()))
    const calls = Array.from({ length: 100 }, async (_, index) => {
      const protocol = index % 2 === 0 ? PROTOCOL : '/test/shout'
      return textOf(await rpc.client.send(rpc.address, protocol, bytesOf(`call ${index}`)))
    })
    const expected = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? `call ${index}` : `CALL ${index}`))
    expect(await Promise.all(calls)).toEqual(expected)
    expect(rpc.server.protocols).toEqual([PROTOCOL, '/test/shout'])
  })
})

describe.each(WIRES)('one host, on the %s wire,', wire => {
  it('can have two clients and a server that do not disturb each other', async () => {
    await using rpc = await Rpc.create({ wire })
    await using back = new Server(rpc.pair.client)
    await back.start('/test/back', echo)
    await using other = new Client(rpc.pair.client, { wire })
    await using fromServer = new Client(rpc.pair.server, { wire })
    await rpc.send(bytesOf('connect'))
    const calls = Array.from({ length: 90 }, (_, index) => {
      const request = bytesOf(`call ${index}`)
      if (index % 3 === 0) return rpc.send(request)
      if (index % 3 === 1) return other.send(rpc.address, PROTOCOL, request)
      return fromServer.send(rpc.pair.client.peerId, '/test/back', request)
    })
    const answers = await Promise.all(calls)
    expect(answers.map(textOf)).toEqual(answers.map((_, index) => `call ${index}`))
    await other.close()
    expect(textOf(await rpc.send(bytesOf('still here')))).toBe('still here')
  })

  it("can be server and client of one protocol with more calls at once than libp2p's 64 streams", async () => {
    const [there, here] = [new Gate(), new Gate()]
    const many: ClientOptions = { wire, maxStreamsPerPeer: 100 }
    await using rpc = await Rpc.create({ wire, handler: there.handler, clientOptions: many })
    await using back = new Server(rpc.pair.client)
    await back.start(PROTOCOL, here.handler)
    await using fromServer = new Client(rpc.pair.server, many)
    await rpc.pair.connect()
    const calls = Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        Promise.all([
          rpc.send(bytesOf(`there ${index}`)),
          fromServer.send(rpc.pair.client.peerId, PROTOCOL, bytesOf(`here ${index}`))
        ])
      )
    )
    await Promise.all([there.reached(100), here.reached(100)])
    expect(rpc.openStreams).toBe(wire === 'plain' ? 200 : 2)
    there.open()
    here.open()
    const answers = await calls
    expect(answers.map(both => both.map(textOf))).toEqual(
      answers.map((_, index) => [`there ${index}`, `here ${index}`])
    )
  })
})
