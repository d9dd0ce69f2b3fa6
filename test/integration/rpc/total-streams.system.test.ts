import { describe, expect, it } from 'vitest'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf } from '../../support/hosts.ts'
import { Peers, watchMost } from '../../support/peers.ts'
import { Gate, repeat } from '../../support/rpc.ts'
import { turn, until, within } from '../../support/until.ts'
import { notNow, type PerWire, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

/** Keeps a gate open while `task` runs. */
async function passing<T>(gate: Gate, task: Promise<T>): Promise<T> {
  const opening = setInterval(() => gate.open(), 1)
  try {
    return await task
  } finally {
    clearInterval(opening)
  }
}

/** Streams that a peer takes which is kept busy: on the mux wire it needs one. */
const BUSY: PerWire<number> = { plain: 8, mux: 1 }

describe.each(WIRES)('maxTotalConns on the %s wire', wire => {
  it.each([1, 5])('%i bounds the streams to 6 peers at any time, and every call is answered', async max => {
    await using peers = await Peers.create(6, { wire, clientOptions: { maxTotalConns: max } })
    const watch = watchMost(() => peers.openStreams)
    await repeat(300, 64, async index => {
      const text = `call ${index}`
      expect(textOf(await peers.send((index * 7) % 6, bytesOf(text)))).toBe(text)
    })
    expect(watch.stop()).toBeLessThanOrEqual(max)
    await peers.client.close()
    await peers.nothingLeft()
  })

  it('lets peers have a stream in the order they were called', async () => {
    const order: string[] = []
    const gate = new Gate()
    const handler: Handler = (request, context) => {
      order.push(textOf(request))
      return gate.handler(request, context)
    }
    await using peers = await Peers.create(5, { wire, handler: () => handler, clientOptions: { maxTotalConns: 1 } })
    // Connected, so that no dial takes longer than that of a later call.
    await Promise.all(peers.hosts.map(host => peers.caller.dial(addressOf(host))))
    const names = ['0 first', '2 b', '1 a', '3 d', '4 f']
    const calls: Promise<Uint8Array>[] = []
    for (const name of names) {
      calls.push(peers.send(Number(name[0]), bytesOf(name)))
      if (calls.length === 1) await gate.reached(1)
    }
    expect((await passing(gate, Promise.all(calls))).map(textOf)).toEqual(names)
    expect(order).toEqual(names)
  })

  it('leaves no peer without while 64 callers keep another one busy', async () => {
    await using peers = await Peers.create(3, {
      wire,
      clientOptions: { maxTotalConns: BUSY[wire], maxStreamsPerPeer: BUSY[wire] }
    })
    const stop = new AbortController()
    const busy = Array.from({ length: 64 }, async () => {
      while (!stop.signal.aborted) await peers.send(0, HELLO)
    })
    await until(
      'the busy peer has all streams',
      () => peers.openStreams,
      count => count === BUSY[wire]
    )
    for (let round = 0; round < 5; round += 1) {
      await within(5_000, 'the others are answered', Promise.all([peers.send(1, HELLO), peers.send(2, HELLO)]))
    }
    stop.abort()
    await Promise.all(busy)
  })

  it.each<[string, { timeout?: number }]>([
    ['its deadline', { timeout: 60 }],
    ['its signal', {}]
  ])('lets a call that waits go at %s, with nothing sent and its place left to the next', async (name, options) => {
    const gate = new Gate()
    await using peers = await Peers.create(3, {
      wire,
      handler: () => gate.handler,
      clientOptions: { maxTotalConns: 1 }
    })
    const holder = peers.send(0, HELLO)
    await gate.reached(1)
    const controller = new AbortController()
    const leavers = Array.from({ length: 20 }, (_, index) =>
      failureOf(peers.send(1 + (index % 2), HELLO, { ...options, signal: controller.signal }))
    )
    const patient = [peers.send(1, bytesOf('one')), peers.send(2, bytesOf('two'))]
    if (options.timeout === undefined) controller.abort()
    const code = name === 'its signal' ? 'ERR_ABORTED' : 'ERR_TIMEOUT'
    for (const error of await Promise.all(leavers)) expect(error).toMatchObject({ code, sent: false })
    expect((await passing(gate, Promise.all([holder, ...patient]))).map(textOf)).toEqual(['hello', 'one', 'two'])
    expect(gate.entered).toBe(3)
  })

  it('gives a stream to a peer that waits for one as soon as those who waited for it have left', async () => {
    const gate = new Gate()
    await using peers = await Peers.create(2, {
      wire,
      handler: () => gate.handler,
      clientOptions: { maxTotalConns: 1, maxStreamsPerPeer: 1 }
    })
    const first = peers.send(0, HELLO)
    await gate.reached(1)
    const controller = new AbortController()
    const leaver = failureOf(peers.send(0, HELLO, { signal: controller.signal }))
    const other = peers.send(1, HELLO, { timeout: 5_000 })
    await turn()
    controller.abort()
    await leaver
    expect((await passing(gate, Promise.all([first, other]))).map(textOf)).toEqual(['hello', 'hello'])
  })

  it('keeps its count whatever becomes of the calls: then as many as before run at once', async () => {
    const gate = new Gate()
    let moody = true
    const handler: Handler = (request, context) => {
      if (!moody) return gate.handler(request, context)
      if (request[0] === 1) throw notNow()
      if (request[0] === 2) return new Promise(() => {})
      return request
    }
    await using peers = await Peers.create(4, { wire, handler: () => handler, clientOptions: { maxTotalConns: 3 } })
    const watch = watchMost(() => peers.openStreams)
    const calls = Array.from({ length: 400 }, async (_, index) => {
      const controller = new AbortController()
      const timeout = index % 3 === 2 ? 30 : 20_000
      const call = Promise.allSettled([
        peers.send(index % 4, Uint8Array.of(index % 3, index), { signal: controller.signal, timeout })
      ])
      if (index % 5 === 0) {
        for (let turns = index % 11; turns > 0; turns -= 1) await turn()
        controller.abort()
      }
      return (await call)[0]
    })
    const outcomes = await within(25_000, '400 calls', Promise.all(calls))
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') expect([...outcome.value]).toEqual([0, index % 256])
      else
        expect(['ERR_ABORTED', 'ERR_TIMEOUT', wire === 'plain' ? 'ERR_NO_RESPONSE' : 'ERR_NOT_NOW']).toContain(
          outcome.reason.code
        )
    }
    moody = false
    const last = Array.from({ length: 6 }, (_, index) => peers.send(index % 4, HELLO))
    await gate.reached(3)
    expect((await passing(gate, Promise.all(last))).map(textOf)).toEqual(last.map(() => 'hello'))
    expect(watch.stop()).toBeLessThanOrEqual(3)
    await peers.client.close()
    await peers.nothingLeft()
  })
})
