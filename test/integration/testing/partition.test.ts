import { describe, expect, it } from 'vitest'
import { Client, dial, listen, Server } from '../../../src/index.ts'
import { createNetwork } from '../../../src/testing/index.ts'
import { MIB, randomBody, sameBytes } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { until } from '../../support/until.ts'
import { Line, PROTOCOL } from './lines.ts'

const some = randomBody(1_000)

/** Whether `promise` settles within some turns of the event loop, and some ms. */
async function waits(promise: Promise<unknown>): Promise<boolean> {
  const late = Symbol('late')
  const time = new Promise(resolve => setTimeout(() => resolve(late), 100))
  return (await Promise.race([promise, time])) === late
}

describe('a partition', () => {
  it('holds the bytes of both directions, which come when it is healed', async () => {
    await using line = await Line.create()
    const { faults } = line.network
    const [near, far] = await line.conn()
    faults.partition()
    expect(faults.isPartitioned(line.near, line.far)).toBe(true)
    const body = randomBody(2 * MIB)
    void near.write(body)
    void far.write(some)
    const reads = [far.readFull(body.byteLength), near.readFull(some.byteLength)] as const
    expect(await waits(Promise.any(reads))).toBe(true)
    // What the writer may send meanwhile is bounded.
    expect(near.bytesUnsent).toBeGreaterThan(MIB)
    expect(far.bytesRead).toBe(0)
    faults.heal()
    const [there, back] = await Promise.all(reads)
    expect(sameBytes(there, body) && sameBytes(back, some)).toBe(true)
    near.reset()
    await line.nothingLeft()
  })

  it('holds ends and resets as well', async () => {
    await using line = await Line.create()
    const [[one, farOne], [two, farTwo]] = [await line.conn(), await line.conn()]
    line.network.faults.partition()
    const ended = one.closeWrite()
    two.reset()
    expect(await waits(Promise.any([ended, farOne.read(), farTwo.closed]))).toBe(true)
    line.network.faults.heal()
    await ended
    expect(await farOne.read()).toBeNull()
    expect(await failureOf(farTwo.read())).toMatchObject({ code: 'ERR_STREAM_RESET' })
  })

  it('holds new streams and dials until their time is over, or it is healed', async () => {
    await using network = await createNetwork({ hosts: 3 })
    const [a, b, c] = network.hosts
    if (a === undefined || b === undefined || c === undefined) throw new Error('not three hosts')
    const listeners = [await listen(b, PROTOCOL), await listen(c, PROTOCOL)]
    await a.dial(b.peerId)
    network.faults.partition(a)
    const opening = [dial(a, b.peerId, PROTOCOL), dial(a, c.peerId, PROTOCOL)]
    expect(await failureOf(dial(a, b.peerId, PROTOCOL, { timeout: 50 }))).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(await failureOf(dial(a, c.peerId, PROTOCOL, { timeout: 50 }))).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(await waits(Promise.any(opening))).toBe(true)
    expect(a.getConnections(c.peerId)).toEqual([])
    network.faults.heal(a)
    await Promise.all(opening)
    await Promise.all(listeners.map(async listener => listener.accept()))
  })

  it('of two peers leaves the others alone', async () => {
    await using network = await createNetwork({ hosts: 3 })
    const [a, b, c] = network.hosts
    if (a === undefined || b === undefined || c === undefined) throw new Error('not three hosts')
    await using server = new Server(c)
    await server.start(PROTOCOL, request => request)
    network.faults.partition(a, b)
    await using client = new Client(a)
    expect(await client.send(c.peerId, PROTOCOL, some)).toEqual(some)
    network.faults.partition(c)
    expect(await failureOf(client.send(c.peerId, PROTOCOL, some, { timeout: 50 }))).toMatchObject({
      code: 'ERR_TIMEOUT'
    })
    expect(network.faults.isPartitioned(b, c)).toBe(true)
    network.faults.heal(c)
    expect(network.faults.isPartitioned(b, c)).toBe(false)
    expect(network.faults.isPartitioned(a, b)).toBe(true)
    expect(await client.send(c.peerId, PROTOCOL, some)).toEqual(some)
  })

  it('leaves nobody waiting when the host stops', async () => {
    await using line = await Line.create()
    const [near] = await line.conn()
    line.network.faults.partition()
    const opening = failureOf(dial(line.near, line.far.peerId, PROTOCOL))
    const writing = near.closeWrite()
    await line.network.stop()
    expect(await opening).toMatchObject({ sent: false })
    await writing
    await until(
      'nothing is open',
      () => line.near.getConnections().length + line.far.getConnections().length,
      count => count === 0
    )
    await line.nothingLeft()
  })
})
