import { describe, expect, it } from 'vitest'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, KIB, MIB, randomBody, textOf } from '../../support/bytes.ts'
import { ourHost } from '../../support/hosts.ts'
import { bodyOf, largeRequest, RawMuxClient, requestOf } from '../../support/raw-mux.ts'
import { Gate, Rpc } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

describe('peers whose large requests do not come on', () => {
  it('keep nobody else out: theirs are given up', async () => {
    const serverOptions = { maxMemoryUsage: 8 * MIB, maxMemoryUsagePerPeer: 4 * MIB }
    await using rpc = await Rpc.create({ wire: 'mux', serverOptions })
    await using hosts = new AsyncDisposableStack()
    for (let peer = 0; peer < 3; peer += 1) {
      const host = hosts.use(await ourHost())
      const session = await RawMuxClient.open(await host.dial(rpc.address))
      const data = await session.openData()
      for (const id of [1, 2, 3, 4, 5]) {
        // One byte more than a quarter reserves all of it.
        const [first, second, last] = [randomBody(64 * KIB), randomBody(64 * KIB), randomBody(1)]
        data.send(largeRequest(id, 512 * KIB), ...[first, second, last].map(piece => bodyOf(id, piece)))
        const credit = await session.control.next('credit')
        expect(credit.bytes).toBeGreaterThan(0)
      }
    }
    await until(
      'all has come',
      () => rpc.pair.server.getConnections().flatMap(({ streams }) => streams).length,
      streams => streams >= 6
    )
    for (let call = 1; call <= 100; call += 1)
      expect(textOf(await rpc.send(bytesOf(`call ${call}`)))).toBe(`call ${call}`)
  })
})

describe('large answers that are too many for their peer', () => {
  it('are given up, and not those that are on their way', async () => {
    const gate = new Gate()
    const answer = randomBody(300 * KIB)
    const handler: Handler = async (request, context) => {
      await gate.handler(request, context)
      return answer
    }
    await using rpc = await Rpc.create({ handler, serverOptions: { maxMemoryUsagePerPeer: 2 * MIB } })
    const session = await RawMuxClient.open(await rpc.pair.connect(), { credit: 4 * MIB })
    for (const id of [1, 2, 3, 4, 5, 6, 7, 8]) session.control.send(requestOf(id, bytesOf('more')))
    await gate.reached(8)
    gate.open()
    const { id: first, ...error } = await session.control.next('error')
    expect(error).toMatchObject({ code: 'ERR_MEMORY_LIMIT', retryable: true, notProcessed: false })
    expect(first).toBeGreaterThan(3)
    const data = await session.openData()
    for (let id = 1; id < first; id += 1) {
      expect(await data.next('answer')).toMatchObject({ id, size: 300 * KIB })
      session.control.send({ type: 'credit', bytes: 32 * KIB })
    }
  })
})
