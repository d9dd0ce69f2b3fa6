import { createServer } from 'node:net'
import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, it } from 'vitest'
import { Client, type Conn, dial, listen, Server } from '../../../src/index.ts'
import { ourHost } from '../../support/hosts.ts'
import { within } from '../../support/until.ts'
import { WIRES } from '../../support/wires.ts'
import { addressOf, pattern, pipe, readToEnd, streamsOf, until } from './pipes.ts'

const some = pattern(1000)
const outcomeOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

describe('closing against a peer that does not read', () => {
  it('ends after a write deadline that has passed before', async () => {
    await using p = await pipe()
    p.near.setWriteDeadline(Date.now() + 50)
    await expect(p.near.write(pattern(8 << 20))).rejects.toMatchObject({ code: 'ERR_TIMEOUT', sent: true })
    const closed: unknown = await within(2_000, 'close()', outcomeOf(p.near.close()))
    expect(closed).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(streamsOf(p.dialler, '/pipe/1.0.0')).toBe(0)
  })

  it('ends after linger without progress, and not while there is progress', async () => {
    await using p = await pipe()
    const first = outcomeOf(p.near.write(pattern(8 << 20)))
    const closed = within(3_000, 'close()', outcomeOf(p.near.close({ linger: 100 })))
    expect(await closed).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(await first).toMatchObject({ code: 'ERR_TIMEOUT', sent: true })

    await using q = await pipe()
    void q.near.write(pattern(4 << 20))
    // What the peer has but has not read yet must be read within linger, too.
    const started = performance.now()
    const closing = outcomeOf(q.near.close({ linger: 600 }))
    let received = 0
    for await (const chunk of q.far) {
      received += chunk.byteLength
      await new Promise(resolve => setTimeout(resolve, 12))
    }
    expect(await closing).toBeUndefined()
    expect(received).toBe(4 << 20)
    expect(performance.now() - started).toBeGreaterThan(600)
  })

  it('takes any time for linger', async () => {
    await using p = await pipe()
    await p.near.close({ linger: Number.POSITIVE_INFINITY })
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(p.near.stream.status).toBe('open')
    expect(() => p.far.close({ linger: -1 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})

describe('reading', () => {
  it('gets the bytes of a frame that also carries the FIN', async () => {
    await using p = await pipe()
    const FIN = 4
    const { stream } = p.near
    if (!('sendFrame' in stream && typeof stream.sendFrame === 'function' && 'streamId' in stream)) {
      throw new Error('not a yamux stream')
    }
    const header = { type: 0, flag: FIN, streamID: stream.streamId, length: 5 }
    stream.sendFrame(header, new Uint8ArrayList(Uint8Array.of(1, 2, 3, 4, 5)))
    expect([...(await readToEnd(p.far))]).toEqual([1, 2, 3, 4, 5])
  })

  it('readFull keeps to its timeout as a whole, and gives back what it had', async () => {
    await using p = await pipe()
    const dribble = setInterval(() => void p.near.write(Uint8Array.of(7)), 30)
    await expect(p.far.readFull(100, { timeout: 200 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    clearInterval(dribble)
    await p.near.closeWrite()
    const rest = await readToEnd(p.far)
    expect(rest.byteLength).toBe(p.near.bytesWritten)
  })

  it('fails at once when the deadline has passed or the signal is aborted, whatever has come', async () => {
    await using p = await pipe()
    await p.near.write(some)
    await until(() => p.far.bytesBuffered === 1000, 'the bytes have come')
    await expect(p.far.read({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    p.far.setReadDeadline(Date.now() - 1)
    await expect(p.far.read()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    p.far.setReadDeadline(undefined)
    expect((await p.far.read())?.byteLength).toBe(1000)
  })

  it('is not slowed down by a peer that sends single bytes', async () => {
    await using p = await pipe()
    const send = p.near.stream.send.bind(p.near.stream)
    for (let i = 0; i < 40_000; i++) send(Uint8Array.of(i))
    await until(() => p.far.bytesBuffered >= 40_000, 'the bytes have come')
    const started = performance.now()
    expect((await p.far.readFull(40_000)).byteLength).toBe(40_000)
    expect(performance.now() - started).toBeLessThan(500)
    p.near.reset()
  })
})

describe('a Conn', () => {
  it('refuses to write what is no bytes, and goes on', async () => {
    await using p = await pipe()
    // @ts-expect-error a text, as JavaScript lets one pass
    const wrong = outcomeOf(p.near.write('text'))
    await p.near.write(some)
    expect(await wrong).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', sent: false })
    expect((await p.far.readFull(1000)).byteLength).toBe(1000)
  })

  it('says that it was ended, not that the connection was lost, when both sides have ended it', async () => {
    await using p = await pipe()
    await p.near.closeWrite()
    await readToEnd(p.far)
    await p.far.closeWrite()
    await expect(p.far.write(some)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' })
    expect(p.far.signal.reason).toMatchObject({ name: 'AbortError' })
  })

  it('tells by its signal why it is gone, also when asked later', async () => {
    await using p = await pipe()
    const { signal } = p.far
    p.near.reset()
    await until(() => signal.aborted, 'the reset has come')
    expect(signal.reason).toMatchObject({ code: 'ERR_STREAM_RESET' })
    await using q = await pipe()
    q.near.connection.abort(new Error('cut'))
    await until(() => q.far.stream.status !== 'open', 'the connection is gone')
    expect(q.far.signal.reason).toMatchObject({ code: 'ERR_CONNECTION_LOST' })
  })
})

describe('a Client', () => {
  it('goes on to the next address when one does not answer', async () => {
    const silent = createServer(() => {})
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    await using server = await ourHost()
    await using host = await ourHost()
    await new Server(server).start('/echo/1.0.0', request => request)
    await using client = new Client(host)
    const dead = server
      .getMultiaddrs()[0]
      ?.toString()
      .replace(/tcp\/\d+/, `tcp/${address.port}`)
    const { multiaddr } = await import('@multiformats/multiaddr')
    const both = [multiaddr(dead), ...server.getMultiaddrs()]
    expect([...(await client.send(both, '/echo/1.0.0', Uint8Array.of(1)))]).toEqual([1])
    silent.close()
  })

  it.each(WIRES)('can be asked to give up 3,000 waiting calls at once on the %s wire', async wire => {
    await using server = await ourHost()
    await using host = await ourHost()
    let entered = 0
    await new Server(server).start('/slow/1.0.0', () => {
      entered += 1
      return new Promise<Uint8Array>(() => {})
    })
    await using client = new Client(host, { wire, maxStreamsPerPeer: 1 })
    const abort = new AbortController()
    const address = addressOf(server)
    // Node walks the listeners of a signal for each that is added, so more of them mostly measure Node.
    const calls = Array.from({ length: 3_000 }, () =>
      outcomeOf(client.send(address, '/slow/1.0.0', some, { signal: abort.signal }))
    )
    await until(() => entered > 0, 'the first call is on its way')
    const started = performance.now()
    abort.abort()
    await Promise.all(calls)
    expect(performance.now() - started).toBeLessThan(3_000)
  })

  it('does not fail ten calls because one of ten streams could not be opened', async () => {
    await using server = await ourHost()
    await using host = await ourHost()
    await new Server(server).start('/echo/1.0.0', request => request)
    const connection = await host.dial(server.getMultiaddrs())
    const newStream = connection.newStream.bind(connection)
    let opened = 0
    connection.newStream = (...args) => {
      opened += 1
      return opened === 1 ? Promise.reject(new Error('told to fail')) : newStream(...args)
    }
    await using client = new Client(host)
    const calls = Array.from({ length: 10 }, () => client.send(server.peerId, '/echo/1.0.0', some))
    expect((await Promise.all(calls)).length).toBe(10)
  })

  it('says what is wrong when its own host was stopped', async () => {
    await using server = await ourHost()
    const host = await ourHost()
    await host.stop()
    await using client = new Client(host)
    const failure: unknown = await outcomeOf(client.send(addressOf(server), '/echo/1.0.0', some))
    expect(failure).toMatchObject({ code: 'ERR_DIAL_FAILED', sent: false })
    await expect(dial(host, addressOf(server), '/echo/1.0.0')).rejects.toMatchObject({ code: 'ERR_DIAL_FAILED' })
  })
})

it('a listener refuses limits that make no sense', async () => {
  await using host = await ourHost()
  for (const options of [{ backlog: -1 }, { backlog: Number.NaN }, { maxStreamsPerConnection: 0 }]) {
    await expect(listen(host, '/l', options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  }
  await expect(listen(host, '')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  const listener = await listen(host, '/l')
  const waiting: Promise<Conn> = listener.accept()
  await Promise.all([listener.close(), listener.close()])
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_LISTENER_CLOSED' })
})
