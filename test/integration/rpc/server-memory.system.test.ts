import { describe, expect, it } from 'vitest'
import { bytesOf, KIB, MIB, randomBody, textOf } from '../../support/bytes.ts'
import { Dribble, dribbleAtChild, politelyDuring } from '../../support/dribble.ts'
import { arrayBufferBytes, arrayBuffersWithin } from '../../support/heap.ts'
import { ourHost } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { RawStream } from '../../support/raw.ts'
import { Client } from '../../../src/index.ts'
import { Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'
import { type PerWire, WIRES } from '../../support/wires.ts'

describe('1,000 streams that each dribble a frame of 32 MiB', () => {
  it.for([1, 4])('from %i peers: the largest are reset, polite calls are answered, nothing is left', async peers => {
    const serverOptions = { maxMemoryUsage: 16 * MIB, maxMemoryUsagePerPeer: 8 * MIB }
    await using rpc = await Rpc.create({ serverOptions })
    await using hosts = new AsyncDisposableStack()
    const attackers = await Promise.all(Array.from({ length: peers }, async () => hosts.use(await ourHost())))
    const dribbles = await Promise.all(
      attackers.map(async host => Dribble.open(await host.dial(rpc.address), PROTOCOL, 1_000 / peers))
    )
    const attack = async (): Promise<void> => {
      await Promise.all(dribbles.map(async dribble => dribble.pour((40 * MIB) / peers)))
    }
    const answered = await politelyDuring(rpc.pair.client, rpc.address.toString(), PROTOCOL, attack())
    expect(answered).toBeGreaterThan(0)
    await until(
      'streams are reset',
      () => rpc.failures.length,
      count => count > 100
    )
    expect(new Set(rpc.failures.map(({ error }) => error.code))).toEqual(new Set(['ERR_MEMORY_LIMIT']))
    const polite = rpc.pair.client.peerId
    expect(rpc.failures.some(({ peer }) => peer.equals(polite))).toBe(false)
    for (const dribble of dribbles) dribble.end()
    await nothingLeft(PROTOCOL, [rpc.pair.server, ...attackers])
    expect(rpc.server.getMetrics()).toMatchObject({ activeConns: 0, activeRequests: 0, failedRequests: 0 })
  })

  it('make the process of a server grow no more than they may', () =>
    dribbleAtChild({ maxMemoryUsage: 64 * MIB, maxMemoryUsagePerPeer: 32 * MIB }, 32 * MIB))
})

/** What a caller gets whose request there is no memory for. */
const REFUSED: PerWire<{ code: string; sent: boolean }> = {
  plain: { code: 'ERR_STREAM_RESET', sent: true },
  mux: { code: 'ERR_MEMORY_LIMIT', sent: false }
}

describe('above maxMemoryUsage', () => {
  it.each(WIRES)(
    'new requests on the %s wire are refused while handlers hold everything, and taken again afterwards',
    async wire => {
      const gate = new Gate()
      const serverOptions = { maxMemoryUsage: 2.5 * MIB }
      await using rpc = await Rpc.create({ wire, handler: gate.handler, serverOptions })
      const held = [rpc.send(new Uint8Array(800 * KIB))]
      await gate.reached(1)
      held.push(rpc.send(new Uint8Array(800 * KIB)))
      await gate.reached(2)
      for (let count = 1; count <= 5; count += 1) {
        // A client of its own each time, for one whose stream was reset makes do with the others for a while.
        await using client = new Client(rpc.pair.client, { wire, maxRetries: 0 })
        const refused = client.send(rpc.address, PROTOCOL, new Uint8Array(MIB))
        await expect(refused).rejects.toMatchObject(REFUSED[wire])
        expect(rpc.failures).toHaveLength(count)
      }
      expect(new Set(rpc.failures.map(({ error }) => error.code))).toEqual(new Set(['ERR_MEMORY_LIMIT']))
      expect(gate.entered).toBe(2)
      const small = rpc.send(bytesOf('there is room for this one'))
      await gate.reached(3)
      gate.open()
      await Promise.all([...held, small])
      const again = rpc.send(new Uint8Array(MIB))
      await gate.reached(4)
      gate.open()
      expect((await again).byteLength).toBe(MIB)
      await rpc.client.close()
      await rpc.nothingLeft()
      expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 4, failedRequests: 0, activeRequests: 0 })
    }
  )

  it.each(WIRES)('a request too many on the %s wire costs the others of its client nothing', async wire => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler, serverOptions: { maxMemoryUsage: 2 * MIB } })
    await rpc.greet()
    let refused = 0
    const outcomes = Array.from({ length: 20 }, () => {
      const call = rpc.send(randomBody(200 * KIB))
      call.catch(() => {
        refused += 1
      })
      return Promise.allSettled([call])
    })
    await until(
      'each is handled or refused',
      () => gate.entered + refused,
      seen => seen === 20
    )
    expect(gate.entered).toBeGreaterThan(5)
    gate.open()
    const settled = (await Promise.all(outcomes)).map(([outcome]) => outcome)
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(gate.entered)
    for (const outcome of settled) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(REFUSED[wire])
    }
  })

  it.each(WIRES)('an answer too large for it is reset on the %s wire, and counted as failed', async wire => {
    const handler = (): Uint8Array => randomBody(2 * MIB)
    await using rpc = await Rpc.create({ wire, handler, serverOptions: { maxMemoryUsage: MIB } })
    const { code } = REFUSED[wire]
    await expect(rpc.send(bytesOf('more'))).rejects.toMatchObject({ code, sent: true })
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(['ERR_MEMORY_LIMIT'])
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 1, failedRequests: 1, activeRequests: 0 })
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('raw streams that were accepted and nobody reads are reset, the largest first', async () => {
    await using rpc = await Rpc.create({ serverOptions: { maxMemoryUsage: MIB, idleTimeout: 200 } })
    const before = await arrayBufferBytes()
    const conns = rpc.server.accept('/test/raw')
    await conns.ready
    const connection = await rpc.pair.connect()
    const bytes = new Uint8Array(200 * KIB)
    const small = await RawStream.open(connection, '/test/raw')
    small.send(bytesOf('small'))
    const streams = await Promise.all(Array.from({ length: 40 }, () => RawStream.open(connection, '/test/raw')))
    for (const raw of streams) raw.send(bytes)
    await until(
      'what is above the bound is reset',
      () => streams.filter(({ isOver }) => !isOver).length,
      alive => alive <= 5
    )
    await until(
      'each is told',
      () => rpc.failures.map(({ error, protocol }) => `${error.code} ${protocol}`),
      told => told.length >= 35 && told.every(each => each === 'ERR_MEMORY_LIMIT /test/raw')
    )
    expect(small.isOver).toBe(false)
    await arrayBuffersWithin(3 * MIB, before)
    const { value } = await conns.next()
    expect(textOf((await value?.read()) ?? new Uint8Array(0))).toBe('small')
    await conns.return()
    for (const { stream } of [small, ...streams]) stream.abort(new Error('enough'))
    await nothingLeft('/test/raw', rpc.pair.both)
  })
})
