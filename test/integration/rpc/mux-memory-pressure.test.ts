import { describe, expect, it } from 'vitest'
import { bytesOf, KIB, MIB, randomBody } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { RawMuxClient, requestOf } from '../../support/raw-mux.ts'
import { Gate, Rpc } from '../../support/rpc.ts'

describe('requests that need more memory decompressed than their peer may have', () => {
  it('are refused, and cost no other call of the session', async () => {
    const gate = new Gate()
    const serverOptions = { maxMemoryUsagePerPeer: 9 * MIB }
    await using rpc = await Rpc.create({ wire: 'mux', handler: gate.handler, serverOptions })
    const small = Array.from({ length: 20 }, () => rpc.send(bytesOf('hello')))
    await gate.reached(20)
    const held = [1, 2].map(() => rpc.send(new Uint8Array(4 * MIB)))
    await gate.reached(22)
    for (let count = 1; count <= 3; count += 1) {
      const refused = await failureOf(rpc.send(new Uint8Array(4 * MIB)))
      expect(refused).toMatchObject({ code: 'ERR_MEMORY_LIMIT', sent: false, remote: true, retryable: true })
    }
    const another = rpc.send(bytesOf('there is room for this one'))
    await gate.reached(23)
    gate.open()
    await Promise.all([...small, ...held, another])
    const again = rpc.send(new Uint8Array(4 * MIB))
    await gate.reached(24)
    gate.open()
    expect((await again).byteLength).toBe(4 * MIB)
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(Array.from({ length: 3 }, () => 'ERR_MEMORY_LIMIT'))
    await rpc.client.close()
    await rpc.nothingLeft()
  })
})

describe('a large answer that its peer may not have as well', () => {
  it('is given up, and not one that is on its way', async () => {
    const answer = randomBody(300 * KIB)
    await using rpc = await Rpc.create({ handler: () => answer, serverOptions: { maxMemoryUsagePerPeer: 1.5 * MIB } })
    const session = await RawMuxClient.open(await rpc.pair.connect(), { credit: 4 * MIB })
    for (const id of [1, 2, 3, 4, 5]) session.control.send(requestOf(id, bytesOf('more')))
    for (const id of [4, 5]) {
      expect(await session.control.next('error')).toMatchObject({ id, code: 'ERR_MEMORY_LIMIT', notProcessed: false })
    }
    const data = await session.openData()
    for (const id of [1, 2, 3]) {
      expect(await data.next('answer')).toMatchObject({ id, size: 300 * KIB })
      session.control.send({ type: 'credit', bytes: 32 * KIB })
    }
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 5, failedRequests: 2 })
  })
})
