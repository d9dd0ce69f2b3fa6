import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { MuxFrame } from '../../../src/frame/mux.ts'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, join, KIB, MIB, randomBody, textOf, u32 } from '../../support/bytes.ts'
import { arrayBufferBytes, arrayBuffersWithin, bytesInUse, inMiB } from '../../support/heap.ts'
import { watchMost } from '../../support/peers.ts'
import { encoded, RawMuxClient, type RawMuxStream, requestOf } from '../../support/raw-mux.ts'
import { Rpc } from '../../support/rpc.ts'
import { turn, until } from '../../support/until.ts'

const PLACES = 20

/** Sends the same bytes until the server takes no more, or so many times; resolves to how often it did. */
async function flood({ stream }: RawMuxStream, bytes: Uint8Array, times: number): Promise<number> {
  for (let sent = 0; sent < times; sent += 1) {
    if (stream.status !== 'open' || stream.writeBufferLength > MIB) return sent
    stream.send(bytes.slice())
    await turn()
  }
  return times
}

/** Ends a session however far it got, and waits until nothing is left of it. */
async function over(rpc: Rpc, session: RawMuxClient): Promise<void> {
  session.control.stream.abort(new Error('enough'))
  await rpc.client.close()
  await until(
    'the server has forgotten its streams',
    () => ({ streams: rpc.server.activeStreams, requests: rpc.server.getMetrics().activeRequests }),
    ({ streams, requests }) => streams === 0 && requests === 0
  )
}

async function expectServed(rpc: Rpc): Promise<void> {
  expect(textOf(await rpc.send(bytesOf('a good call')))).toBe('a good call')
}

describe('requests that are cancelled at once, again and again,', () => {
  it('never run more handlers than there are places', async () => {
    let running = 0
    let most = 0
    const handler: Handler = async (request, { signal }) => {
      if (request.byteLength > 1) return request
      running += 1
      most = Math.max(most, running)
      // A handler that takes its time to stop.
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      for (let turns = 0; turns < 20; turns += 1) await turn()
      running -= 1
      return request
    }
    await using rpc = await Rpc.create({ handler, serverOptions: { maxConcurrentRequestsPerConn: PLACES } })
    const session = await RawMuxClient.open(await rpc.pair.connect())
    const before = await bytesInUse()
    let id = 0
    for (let round = 0; round < 20; round += 1) {
      const frames = Array.from({ length: 100 }, () => {
        id += 1
        return join(encoded(requestOf(id, Uint8Array.of(1))), encoded({ type: 'cancel', id }))
      })
      session.control.send(join(...frames))
      await turn()
    }
    await expectServed(rpc)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(PLACES)
    await over(rpc, session)
    expect(running).toBe(0)
    const grown = (await bytesInUse()) - before
    expect(grown, `${inMiB(grown)} MiB`).toBeLessThan(5 * MIB)
  })

  it('never have more bodies decompressed than there are places', async () => {
    await using rpc = await Rpc.create({ serverOptions: { maxConcurrentRequestsPerConn: PLACES } })
    const size = 8 * MIB
    const bomb = new Uint8Array(zstdCompressSync(new Uint8Array(size)))
    const session = await RawMuxClient.open(await rpc.pair.connect())
    const before = await arrayBufferBytes()
    const memory = watchMost(() => process.memoryUsage().arrayBuffers)
    const frames = Array.from({ length: 400 }, (_, id) =>
      join(encoded(requestOf(id, bomb, { encoding: 2, size })), encoded({ type: 'cancel', id }))
    )
    session.control.send(join(...frames))
    await session.control.next('error')
    await expectServed(rpc)
    await over(rpc, session)
    const most = memory.stop() - before
    // Each takes its size, and what zlib keeps it in until it is whole.
    expect(inMiB(most)).toBeLessThan(inMiB(2 * PLACES * size + 64 * MIB))
  })
})

describe('a peer that does not read', () => {
  const floods: [what: string, frame: MuxFrame][] = [
    ['requests that are refused', requestOf(7, Uint8Array.of(1), { encoding: 1, size: 0xff_ff_ff_ff })],
    ['requests with large answers', requestOf(8, Uint8Array.of(1))]
  ]
  it.for(floods)('and floods a Server with %s costs it little memory, and is ended', async ([, frame]) => {
    const answer = randomBody(128 * KIB)
    let handled = 0
    const handler: Handler = request => {
      if (request.byteLength > 1) return request
      handled += 1
      return answer
    }
    await using rpc = await Rpc.create({ handler, serverOptions: { writeTimeout: 500 } })
    const session = await RawMuxClient.open(await rpc.pair.connect())
    session.control.stream.maxReadBufferLength = 64 * MIB
    session.control.stream.pause()
    const before = await arrayBufferBytes()
    await flood(session.control, join(...Array.from({ length: 3_000 }, () => encoded(frame))), 100)
    await arrayBuffersWithin(20 * MIB, before)
    await expectServed(rpc)
    await until(
      'the server gives up',
      () => rpc.failures,
      failures => failures.length > 0
    )
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(['ERR_TIMEOUT'])
    expect(handled).toBeLessThan(100)
    await over(rpc, session)
  })
})

describe('a stream on which bytes drip', () => {
  it('is ended when a frame does not go on for readTimeout', async () => {
    await using rpc = await Rpc.create({ serverOptions: { readTimeout: 300 } })
    const session = await RawMuxClient.open(await rpc.pair.connect())
    session.control.send(u32(100))
    expect(await session.control.raw.ended()).toBe('reset')
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(['ERR_TIMEOUT'])
    await over(rpc, session)
  })

  it('is ended when no HELLO comes for readTimeout, also byte by byte', async () => {
    await using rpc = await Rpc.create({ serverOptions: { readTimeout: 300 } })
    const session = await RawMuxClient.openSilently(await rpc.pair.connect())
    const hello = encoded({ type: 'hello', stream: 'control', token: session.token, settings: {} })
    for (const byte of hello.slice(0, 10)) {
      session.control.send(Uint8Array.of(byte))
      await new Promise(resolve => setTimeout(resolve, 60))
    }
    expect(await session.control.raw.ended()).toBe('reset')
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(['ERR_TIMEOUT'])
  })

  it('is served, byte by byte', async () => {
    await using rpc = await Rpc.create()
    const session = await RawMuxClient.open(await rpc.pair.connect())
    for (const byte of encoded(requestOf(1, bytesOf('slowly')))) {
      session.control.send(Uint8Array.of(byte))
      await turn()
    }
    expect(textOf((await session.control.next('answer')).body)).toBe('slowly')
    await over(rpc, session)
  })
})
