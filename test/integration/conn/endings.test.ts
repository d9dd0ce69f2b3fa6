import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { pattern, pipe, readToEnd, streamsOf, until } from './pipes.ts'
import { stockHost } from '../../support/hosts.ts'
import { armedTimers } from '../../support/timers.ts'

const some = pattern(1000)

describe('how a Conn ends', () => {
  it('reset() fails the peer with ERR_STREAM_RESET, in both directions', async () => {
    await using p = await pipe()
    const reading = p.far.read()
    p.near.reset()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_STREAM_RESET', peer: p.dialler.peerId.toString() })
    await expect(p.far.write(some)).rejects.toMatchObject({ code: 'ERR_STREAM_RESET', sent: false })
    await expect(p.near.read()).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' })
    await expect(p.near.write(some)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' })
    expect(streamsOf(p.server, '/pipe/1.0.0') + streamsOf(p.dialler, '/pipe/1.0.0')).toBe(0)
  })

  it('what came before a reset can still be read, then the error', async () => {
    await using p = await pipe()
    await p.near.write(some)
    await until(() => p.far.bytesBuffered === 1000, 'the bytes have come')
    p.near.reset()
    await until(() => p.far.stream.status !== 'open', 'the reset has come')
    expect((await p.far.read())?.byteLength).toBe(1000)
    await expect(p.far.read()).rejects.toMatchObject({ code: 'ERR_STREAM_RESET' })
  })

  it.for(['stock', 'own'] as const)('a lost connection is an error, never an end (%s)', async kind => {
    await using p = await pipe(kind === 'stock' ? stockHost : undefined)
    await p.near.write(some)
    await until(() => p.far.bytesBuffered === 1000, 'the bytes have come')
    const writes = Promise.allSettled([p.far.write(pattern(64 << 20))])
    p.near.connection.abort(new Error('cable cut'))
    expect((await p.far.read())?.byteLength).toBe(1000)
    // libp2p resets the streams before it drops the connection: whichever the peer hears of first.
    const code = expect.stringMatching(/^ERR_(CONNECTION_LOST|STREAM_RESET)$/)
    await expect(p.far.read()).rejects.toMatchObject({ code })
    const [write] = await writes
    expect(write).toMatchObject({ status: 'rejected', reason: { code, sent: true } })
    await expect(p.near.read()).rejects.toMatchObject({ code: 'ERR_CONNECTION_LOST' })
  })

  it('its signal is aborted when the stream is gone, and not by half an end', async () => {
    await using p = await pipe()
    const { signal } = p.far
    await p.near.closeWrite()
    expect(await p.far.read()).toBeNull()
    expect(signal.aborted).toBe(false)
    await p.far.closeWrite()
    expect(signal.aborted).toBe(true)
    expect(p.far.signal).toBe(signal)
  })

  it('a peer that was already gone when a Conn was made is no clean end', async () => {
    await using p = await pipe()
    await p.server.handle('/late/1.0.0', async (stream, connection) => {
      await wait(50)
      late = { stream, connection }
    })
    let late: { stream: typeof p.far.stream; connection: typeof p.far.connection } | undefined
    const stream = await p.near.connection.newStream('/late/1.0.0')
    stream.send(some)
    await wait(10)
    p.near.connection.abort(new Error('gone'))
    await until(() => late !== undefined, 'the handler has run')
    if (late === undefined) throw new Error('no stream')
    const { Conn } = await import('../../../src/index.ts')
    const conn = new Conn(late.stream, late.connection)
    expect((await conn.read())?.byteLength).toBe(1000)
    await expect(conn.read()).rejects.toMatchObject({ code: 'ERR_CONNECTION_LOST' })
    await expect(conn.write(some)).rejects.toMatchObject({ code: 'ERR_CONNECTION_LOST' })
  })

  it('data and FIN that came before the Conn was made are read', async () => {
    await using p = await pipe()
    let late: { stream: typeof p.far.stream; connection: typeof p.far.connection } | undefined
    await p.server.handle('/late/1.0.0', (stream, connection) => {
      late = { stream, connection }
    })
    const stream = await p.near.connection.newStream('/late/1.0.0')
    stream.send(some)
    await stream.close()
    await until(() => late?.stream.remoteWriteStatus === 'closed', 'the FIN has come')
    if (late === undefined) throw new Error('no stream')
    const { Conn } = await import('../../../src/index.ts')
    expect((await readToEnd(new Conn(late.stream, late.connection))).byteLength).toBe(1000)
  })

  it('close() resets a peer that does not end its side in time', async () => {
    await using p = await pipe()
    await p.near.close({ linger: 50 })
    expect(await p.far.read()).toBeNull()
    await until(() => p.far.stream.status !== 'open', 'the linger time is over')
    expect(p.far.stream.status).toBe('reset')
    await expect(p.far.write(some)).rejects.toMatchObject({ code: 'ERR_STREAM_RESET' })
  })
})

describe('deadlines and signals', () => {
  it('a read deadline fails reads until it is moved, and loses nothing', async () => {
    await using p = await pipe()
    p.far.setReadDeadline(Date.now() + 30)
    await expect(p.far.read()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    await expect(p.far.read()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    await p.near.write(some)
    p.far.setReadDeadline(undefined)
    expect((await p.far.read())?.byteLength).toBe(1000)
    p.far.setReadDeadline(new Date(Date.now() - 1))
    await expect(p.far.read()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it('a write deadline fails a write to a peer that does not read', async () => {
    await using p = await pipe()
    p.near.setWriteDeadline(Date.now() + 200)
    const writes = [p.near.write(pattern(8 << 20)), p.near.write(some)]
    const outcomes = await Promise.allSettled(writes)
    expect(outcomes.map(o => (o.status === 'rejected' ? [o.reason.code, o.reason.sent] : 'written'))).toEqual([
      ['ERR_TIMEOUT', true],
      ['ERR_TIMEOUT', false]
    ])
    await expect(p.near.write(some)).rejects.toMatchObject({ code: 'ERR_TIMEOUT', sent: false })
    p.near.setWriteDeadline(undefined)
    const received = readToEnd(p.far)
    await p.near.closeWrite()
    // The write that had begun arrives whole, the other one not at all.
    expect((await received).byteLength).toBe(8 << 20)
  })

  it('a write deadline ends a close() that cannot finish', async () => {
    await using p = await pipe()
    void p.near.write(pattern(8 << 20))
    p.near.setWriteDeadline(Date.now() + 200)
    await expect(p.near.close()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(p.near.stream.status).toBe('aborted')
  })

  it('a signal stops one read and one write, and the Conn goes on', async () => {
    await using p = await pipe()
    const abort = new AbortController()
    const reading = p.far.read({ signal: abort.signal })
    abort.abort()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await expect(p.far.read({ timeout: 20 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    const begun = p.near.write(pattern(4 << 20))
    await wait(20)
    const later = p.near.write(some, { timeout: 30 })
    await expect(later).rejects.toMatchObject({ code: 'ERR_TIMEOUT', sent: false })
    const received = readToEnd(p.far)
    await begun
    await p.near.closeWrite()
    expect((await received).byteLength).toBe(4 << 20)
  })

  it('nothing of a deadline outlives its Conn', async () => {
    await using p = await pipe()
    const timers = (): string[] => armedTimers().filter(timer => timer.includes('deadline'))
    p.near.setDeadline(Date.now() + 60_000)
    p.far.setDeadline(Date.now() + 60_000)
    expect(timers()).toHaveLength(4)
    p.near.reset()
    await until(() => p.far.stream.status !== 'open', 'the reset has come')
    expect(timers()).toEqual([])
  })
})
