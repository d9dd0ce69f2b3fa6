import { describe, expect, it } from 'vitest'
import { Client, type Handler } from '../../../src/index.ts'
import { bytesOf, frameOf, join, KIB, MIB, textOf } from '../../support/bytes.ts'
import { arrayBufferBytes, arrayBuffersWithin } from '../../support/heap.ts'
import { RawStream } from '../../support/raw.ts'
import { Gate, PROTOCOL, Rpc, type RpcOptions } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'
import { WIRES } from '../../support/wires.ts'

/** One request that goes to the gate, and as many bytes behind it as a window takes. */
const PIPELINED = join(frameOf(Uint8Array.of(1)), frameOf(new Uint8Array(240 * KIB)))

/** Requests that begin with 1 wait at the gate, the others are echoed. */
async function gated(gate: Gate, options: RpcOptions): Promise<Rpc> {
  const handler: Handler = (request, context) => (request[0] === 1 ? gate.handler(request, context) : request)
  return Rpc.create({ handler, ...options })
}

async function openStreams(rpc: Rpc, count: number): Promise<RawStream[]> {
  const connection = await rpc.pair.connect()
  return Promise.all(Array.from({ length: count }, () => RawStream.open(connection, PROTOCOL)))
}

function codesOf(rpc: Rpc): string[] {
  return rpc.failures.map(({ error }) => error.code)
}

async function failed(rpc: Rpc, count: number): Promise<void> {
  await until(
    `${count} failures`,
    () => codesOf(rpc),
    codes => codes.length >= count
  )
}

describe('bytes that count against maxMemoryUsage', () => {
  it('are those of a request until its handler has ended, also when its peer is long gone', async () => {
    const gate = new Gate()
    await using rpc = await gated(gate, { serverOptions: { maxMemoryUsage: 4.5 * MIB } })
    const connection = await rpc.pair.connect()
    const request = frameOf(new Uint8Array(MIB).fill(1))
    for (let index = 0; index < 12; index += 1) {
      const raw = await RawStream.open(connection, PROTOCOL)
      raw.send(request)
      await until(
        'the request is handled or refused',
        () => gate.entered + codesOf(rpc).filter(code => code === 'ERR_MEMORY_LIMIT').length,
        seen => seen > index
      )
      raw.stream.abort(new Error('gone'))
      await until(
        'the stream is gone',
        () => rpc.server.activeStreams,
        streams => streams === 0
      )
    }
    expect(gate.entered, 'four requests of 1 MiB are what the bound allows').toBe(4)
    gate.open()
    // What those handlers held is free again.
    const again = Array.from({ length: 4 }, () => rpc.send(new Uint8Array(MIB).fill(1)))
    await gate.reached(8)
    gate.open()
    await Promise.all(again)
  })

  it.each(WIRES)('are those of a request on the %s wire whose client was closed, too', async wire => {
    const gate = new Gate()
    await using rpc = await gated(gate, { wire, serverOptions: { maxMemoryUsage: 4.75 * MIB } })
    for (let index = 0; index < 8; index += 1) {
      const client = new Client(rpc.pair.client, { wire, maxRetries: 0 })
      const call = client.send(rpc.address, PROTOCOL, new Uint8Array(MIB).fill(1))
      let refused = 0
      call.catch(() => {
        refused += 1
      })
      await until(
        'the request is handled or refused',
        () => gate.entered + refused,
        seen => seen === Math.min(index, 4) + 1
      )
      await client.close()
      await Promise.allSettled([call])
      await until(
        'its streams are gone',
        () => rpc.server.activeStreams,
        streams => streams === 0
      )
    }
    expect(gate.entered, 'four requests of 1 MiB are what the bound allows').toBe(4)
    gate.open()
    await rpc.nothingLeft()
  })

  it('are those behind a request whose handler does not end: the largest of such streams are reset', async () => {
    const gate = new Gate()
    await using rpc = await gated(gate, { serverOptions: { maxMemoryUsage: MIB } })
    const streams = await openStreams(rpc, 20)
    for (const raw of streams) raw.send(PIPELINED)
    await failed(rpc, 15)
    expect(new Set(codesOf(rpc))).toEqual(new Set(['ERR_MEMORY_LIMIT']))
    expect(textOf(await rpc.send(bytesOf('a good call')))).toBe('a good call')
    expect(rpc.server.activeStreams).toBeLessThanOrEqual(6)
    for (const raw of streams) if (!raw.isOver) raw.stream.abort(new Error('enough'))
    gate.open()
    await rpc.client.close()
    await rpc.nothingLeft()
    expect(rpc.server.getMetrics().activeRequests).toBe(0)
  })
})

describe('bytes that nobody will read', () => {
  it('are let go when the peer is gone, while the handler goes on', async () => {
    const gate = new Gate()
    await using rpc = await gated(gate, {})
    const before = await arrayBufferBytes()
    const streams = await openStreams(rpc, 60)
    for (const raw of streams) raw.send(PIPELINED)
    await gate.reached(60)
    await until(
      'the rest arrives',
      () => streams.map(({ stream }) => stream.writeBufferLength),
      unsent => unsent.every(bytes => bytes === 0)
    )
    for (const { stream } of streams) stream.abort(new Error('gone'))
    await until(
      'the streams are gone',
      () => rpc.server.activeStreams,
      count => count === 0
    )
    await arrayBuffersWithin(3 * MIB, before)
    gate.open()
    await rpc.nothingLeft()
  })

  it('are let go when the handler has failed, while the peer takes its time to end the stream', async () => {
    const handler: Handler = () => {
      throw new Error('no')
    }
    await using rpc = await Rpc.create({ handler })
    const before = await arrayBufferBytes()
    const streams = await openStreams(rpc, 60)
    for (const raw of streams) raw.send(PIPELINED)
    await Promise.all(streams.map(async raw => raw.ended()))
    await arrayBuffersWithin(3 * MIB, before)
    expect(rpc.server.activeStreams).toBe(60)
    await Promise.all(streams.map(async ({ stream }) => stream.close()))
    await rpc.nothingLeft()
  })
})
