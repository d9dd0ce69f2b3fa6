import { describe, expect, it } from 'vitest'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, frameOf, join, KIB, MIB, textOf, u32 } from '../../support/bytes.ts'
import { arrayBufferBytes, arrayBuffersWithin, bytesInUse, inMiB } from '../../support/heap.ts'
import { attackServerWith } from '../../support/hostile-caller.ts'
import { RawStream } from '../../support/raw.ts'
import { Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { turn, until } from '../../support/until.ts'

it('a Server ends 1,000 hostile streams with a clear error each, and serves on', () => attackServerWith(1_000))

describe('a Server is not overwhelmed by a peer that', () => {
  it('announces 32 MiB on 500 streams and sends a byte of each', async () => {
    await using rpc = await Rpc.create()
    const connection = await rpc.pair.connect()
    const before = await bytesInUse()
    const streams = await Promise.all(Array.from({ length: 500 }, () => RawStream.open(connection, PROTOCOL)))
    for (const raw of streams) raw.send(join(u32(32 * MIB), Uint8Array.of(1)))
    await until(
      'the streams arrive',
      () => rpc.server.activeStreams,
      count => count === 500
    )
    for (let turns = 0; turns < 20; turns += 1) await turn()
    const held = (await bytesInUse()) - before
    expect(held, `${inMiB(held)} MiB`).toBeLessThan(40 * MIB)
    expect(textOf(await rpc.send(bytesOf('a good call')))).toBe('a good call')
    for (const { stream } of streams) stream.abort(new Error('enough'))
    await rpc.client.close()
    await rpc.nothingLeft()
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(Array.from({ length: 500 }, () => 'ERR_STREAM_RESET'))
  })

  it('floods a stream whose handler is slow: it is held back', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ handler: gate.handler })
    const raw = await RawStream.open(await rpc.pair.connect(), PROTOCOL)
    const flood = join(...Array.from({ length: 1_024 }, () => frameOf(new Uint8Array(KIB))))
    for (let sent = 0; sent < 32 && raw.stream.send(flood.slice()); sent += 1) await turn()
    await gate.reached(1)
    for (let turns = 0; turns < 50; turns += 1) await turn()
    expect(raw.stream.writeBufferLength, 'the flood waits with who made it').toBeGreaterThan(0)
    expect(gate.entered, 'one request of a stream is handled at a time').toBe(1)
    raw.stream.abort(new Error('enough'))
    await until(
      'the reset arrives',
      () => rpc.servedStreams,
      count => count === 0
    )
    gate.open()
    await rpc.nothingLeft()
    expect(gate.entered).toBe(1)
  })

  it('does not read its answers: no more requests are handled than it takes answers', async () => {
    let handled = 0
    const handler: Handler = request => {
      handled += 1
      return request.byteLength === 0 ? new Uint8Array(64 * KIB) : request
    }
    await using rpc = await Rpc.create({ handler, serverOptions: { writeTimeout: 500 } })
    const raw = await RawStream.open(await rpc.pair.connect(), PROTOCOL)
    raw.stream.maxReadBufferLength = 64 * MIB
    raw.stream.pause()
    const before = await arrayBufferBytes()
    raw.send(new Uint8Array(4 * 10_000))
    await until(
      'the server gives up',
      () => rpc.failures.length,
      count => count === 1
    )
    expect(rpc.failures[0]?.error).toMatchObject({ code: 'ERR_TIMEOUT', protocol: PROTOCOL })
    expect(handled).toBeLessThan(100)
    await arrayBuffersWithin(20 * MIB, before)
    expect(textOf(await rpc.send(bytesOf('a good call')))).toBe('a good call')
  })

  it('opens streams and says nothing: they cost little, and idleTimeout ends them', async () => {
    await using rpc = await Rpc.create({ serverOptions: { idleTimeout: 500 } })
    const connection = await rpc.pair.connect()
    const streams = await Promise.all(Array.from({ length: 1_000 }, () => RawStream.open(connection, PROTOCOL)))
    expect(textOf(await rpc.send(bytesOf('a good call')))).toBe('a good call')
    await Promise.all(
      streams.map(async raw => {
        expect(await raw.ended()).toBe('fin')
        await raw.stream.close()
      })
    )
    await rpc.nothingLeft()
    expect(rpc.failures).toEqual([])
  })

  it('opens more streams than maxStreamsPerConnection: those are reset, the others served', async () => {
    await using rpc = await Rpc.create({ serverOptions: { maxStreamsPerConnection: 10 } })
    const connection = await rpc.pair.connect()
    const opened = await Promise.allSettled(Array.from({ length: 30 }, () => RawStream.open(connection, PROTOCOL)))
    const streams = opened.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    await until(
      'those above the limit are reset',
      () => rpc.servedStreams,
      count => count === 10
    )
    const served = streams.filter(raw => !raw.isOver)
    expect(served).toHaveLength(10)
    for (const raw of served) raw.send(frameOf(Uint8Array.of(1)))
    await Promise.all(served.map(raw => raw.receivedAtLeast(5)))
  })
})
