import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { lpStream } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { afterEach, describe, expect, it } from 'vitest'
import { createHost } from '../../../src/host/index.ts'
import { Client, type Conn, dial, listen, Server } from '../../../src/index.ts'
import { addressOf, pattern, pipe, readToEnd, until } from './pipes.ts'
import { ourHost, stockHost } from '../../support/hosts.ts'

/**
 * Behaviours of js-libp2p that were measured once and must not bite our users. Each test fails on the naive way of
 * doing it. Stock nodes are nodes with every limit at its default.
 */
const MIB = 1 << 20
const nodes: AsyncDisposable[] = []
const keep = <T extends AsyncDisposable>(node: T): T => {
  nodes.push(node)
  return node
}
afterEach(async () => {
  for (const node of nodes.splice(0)) await node[Symbol.asyncDispose]()
})

describe('reading from libp2p streams', () => {
  it('hands out plain Uint8Arrays, whatever libp2p delivers', async () => {
    await using p = await pipe(stockHost)
    void p.near.write(pattern(300_000))
    void p.near.closeWrite()
    for await (const chunk of p.far) expect(chunk.constructor).toBe(Uint8Array)
  })

  it('for await has backpressure: a slow reader stops the writer', async () => {
    await using p = await pipe(stockHost)
    const whole = pattern(64 * MIB)
    let written = 0
    const writing = (async () => {
      for (let at = 0; at < whole.byteLength; at += 65_536) {
        await p.near.write(whole.subarray(at, at + 65_536))
        written = at
      }
      await p.near.closeWrite()
    })()
    const first = await p.far.read()
    let stalledAt = -1
    await until(async () => {
      const same = stalledAt === written
      stalledAt = written
      await new Promise(resolve => setTimeout(resolve, 100))
      return same && written === stalledAt
    }, 'the writer stands still')
    // A stock window grows to 16 MiB; what lies in sockets and in libp2p comes on top.
    expect(written).toBeLessThan(24 * MIB)
    const rest = await readToEnd(p.far)
    await writing
    expect(p.far.stream.status).not.toBe('aborted')
    expect(Buffer.compare(Buffer.concat([first ?? new Uint8Array(0), rest]), whole)).toBe(0)
  })

  it('a reader that pauses beyond 4 MiB is not reset', async () => {
    await using p = await pipe(stockHost)
    const whole = pattern(40 * MIB)
    void p.near.write(whole)
    void p.near.closeWrite()
    // Reading a little now and then lets the window grow far beyond libp2p's 4 MiB read buffer.
    const parts: Uint8Array[] = []
    for (let i = 0; i < 60; i++) {
      parts.push((await p.far.read()) ?? new Uint8Array(0))
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    parts.push(await readToEnd(p.far))
    expect(Buffer.compare(Buffer.concat(parts), whole)).toBe(0)
  })

  it('a FIN that comes while the stream is paused neither throws nor loses what was held back', async () => {
    await using p = await pipe()
    const whole = pattern(200_000)
    await p.near.write(whole)
    await p.near.closeWrite()
    await until(() => p.far.bytesBuffered === 200_000, 'everything has come')
    await until(() => p.far.stream.remoteWriteStatus === 'closed', 'the FIN has come')
    expect(p.far.readEnded).toBe(false)
    expect(Buffer.compare(await readToEnd(p.far), whole)).toBe(0)
  })

  it('a paused stream of createHost() holds at most its window, 1 MiB by default', async () => {
    await using p = await pipe(ourHost)
    void p.near.write(pattern(32 * MIB))
    for (let i = 0; i < 50; i++) await p.far.read()
    let most = 0
    await until(async () => {
      const before = p.far.bytesBuffered
      await new Promise(resolve => setTimeout(resolve, 100))
      most = Math.max(most, p.far.bytesBuffered)
      return before === p.far.bytesBuffered
    }, 'nothing more comes')
    expect(most).toBeLessThanOrEqual(2 * MIB + 128 * 1024)
    p.near.reset()
  })
})

describe('writing to libp2p streams', () => {
  it('every write waits for its own drain, not only the first', async () => {
    await using p = await pipe(stockHost)
    let resolved = 0
    for (let i = 0; i < 200; i++) {
      p.near.write(pattern(256 * 1024)).then(
        () => resolved++,
        () => {}
      )
    }
    await until(async () => {
      const before = resolved
      await new Promise(resolve => setTimeout(resolve, 100))
      return before === resolved
    }, 'no more writes go through')
    expect(resolved).toBeLessThan(100)
    expect(p.near.bytesUnsent).toBeLessThanOrEqual(MIB + 256 * 1024)
    p.near.reset()
  })

  it('a drain of the connection does not let a stream write whose own window is full', async () => {
    await using p = await pipe()
    const listener = await listen(p.server, '/busy/1.0.0')
    const busy = await dial(p.dialler, p.server.peerId, '/busy/1.0.0')
    const sink = await listener.accept()
    const drained = readToEnd(sink)
    let resolved = 0
    for (let i = 0; i < 64; i++) {
      p.near.write(pattern(128 * 1024)).then(
        () => resolved++,
        () => {}
      )
    }
    // Many drains of the shared connection, none of which makes room in the stream nobody reads.
    for (let i = 0; i < 200; i++) await busy.write(pattern(256 * 1024))
    await busy.closeWrite()
    expect((await drained).byteLength).toBe(200 * 256 * 1024)
    expect(p.near.bytesUnsent).toBeLessThanOrEqual(MIB + 128 * 1024)
    expect(resolved).toBeLessThan(24)
    p.near.reset()
  })

  it('a FIN of the peer does not stop a write it still reads: half-close works under backpressure', async () => {
    await using p = await pipe()
    await p.far.closeWrite()
    const whole = pattern(8 * MIB)
    const writing = p.near.write(whole)
    const received = readToEnd(p.far)
    await writing
    await p.near.closeWrite()
    expect(Buffer.compare(await received, whole)).toBe(0)
  })

  it('closeWrite right behind a large write delivers everything', async () => {
    await using p = await pipe(stockHost)
    const received = readToEnd(p.far)
    void p.near.write(pattern(3 * MIB))
    await p.near.closeWrite()
    expect((await received).byteLength).toBe(3 * MIB)
  })

  it('carries frames of 8 MiB and more, beyond the 4 MiB of libp2p’s own helpers', async () => {
    const server = keep(await stockHost())
    const client = keep(await stockHost())
    await using _ = await serveEcho(server)
    await using caller = new Client(client)
    const request = pattern(20 * MIB)
    expect(Buffer.compare(await caller.send(addressOf(server), '/echo/1.0.0', request), request)).toBe(0)
  })
})

describe('limits of libp2p', () => {
  it('200 dials at once on a cold connection to a stock node all succeed', async () => {
    const server = keep(await stockHost())
    const client = keep(await stockHost())
    const listener = await listen(server, '/many/1.0.0')
    const conns = await Promise.all(Array.from({ length: 200 }, () => dial(client, addressOf(server), '/many/1.0.0')))
    const accepted: Conn[] = []
    for (let i = 0; i < 200; i++) accepted.push(await listener.accept())
    await Promise.all(conns.map((conn, i) => conn.write(Uint8Array.of(i))))
    const first = await Promise.all(accepted.map(async conn => (await conn.readFull(1))[0] ?? -1))
    expect(first.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i))
  })

  it('a stock handler, which resets all but 32 streams, is known for it after one burst of 200 calls', async () => {
    const server = keep(await stockHost())
    const client = keep(await stockHost())
    let streams = 0
    await server.handle('/stock/1.0.0', async stream => {
      streams += 1
      const lp = lpStream(stream, { lengthEncoder, lengthDecoder, maxLengthLength: 4 })
      for (;;) await lp.write(await lp.read())
    })
    await using caller = new Client(client)
    const burst = (): Promise<PromiseSettledResult<Uint8Array>[]> =>
      Promise.allSettled(
        Array.from({ length: 200 }, (_, i) => caller.send(addressOf(server), '/stock/1.0.0', Uint8Array.of(i)))
      )
    // Where the reset meets a request that has just left, nobody can know whether that was processed.
    const failures = (await burst()).flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(failures.filter(({ code, sent }) => code !== 'ERR_STREAM_RESET' || sent !== true)).toEqual([])
    expect(failures.length).toBeLessThanOrEqual(64 - 32)
    // From then on the client makes do with what the peer allows.
    expect((await burst()).filter(({ status }) => status === 'rejected')).toEqual([])
    expect(streams).toBeLessThanOrEqual(33)
  })

  it('a host that serves a protocol can still open more than 64 streams of it', async () => {
    const a = keep(await ourHost())
    const b = keep(await ourHost())
    const [atA] = [await listen(a, '/both/1.0.0'), await listen(b, '/both/1.0.0')]
    const conns = await Promise.all(Array.from({ length: 100 }, () => dial(b, addressOf(a), '/both/1.0.0')))
    for (let i = 0; i < 100; i++) await (await atA.accept()).write(Uint8Array.of(1))
    await Promise.all(conns.map(conn => conn.readFull(1)))
  })

  it('streams open over relayed connections, both sides', async () => {
    const relay = keep(
      await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'], libp2p: { services: { relay: circuitRelayServer() } } })
    )
    const hidden = keep(
      await createHost({ listen: [`${addressOf(relay)}/p2p-circuit`], transports: [circuitRelayTransport()] })
    )
    const client = keep(await createHost({ transports: [circuitRelayTransport()] }))
    await until(() => hidden.getMultiaddrs().length > 0, 'the relay has a reservation for the hidden host')
    await using _ = await serveEcho(hidden)
    await using caller = new Client(client)
    expect(await caller.send(addressOf(hidden), '/echo/1.0.0', Uint8Array.of(42))).toEqual(Uint8Array.of(42))
    expect(client.getConnections(hidden.peerId)[0]?.limits).toBeDefined()
    await caller.close()
  })
})

const lengthEncoder = (length: number): Uint8Array => Uint8Array.of(length >> 24, length >> 16, length >> 8, length)
const lengthDecoder = (bytes: Uint8ArrayList): number => {
  if (bytes.byteLength < 4) throw new RangeError('need more')
  return bytes.getUint32(0)
}

async function serveEcho(node: ConstructorParameters<typeof Server>[0]): Promise<Server> {
  const server = new Server(node)
  await server.start('/echo/1.0.0', request => request)
  return server
}
