import { describe, expect, it } from 'vitest'
import { dial, listen } from '../../../src/index.ts'
import { addressOf, pattern, pipe, readToEnd, streamsOf, until } from './pipes.ts'
import { ourHost, stockHost } from '../../support/hosts.ts'

const text = (bytes: Uint8Array | null): string => new TextDecoder().decode(bytes ?? new Uint8Array(0))
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)

describe('Conn as a byte pipe', () => {
  it('carries bytes both ways and each half ends on its own', async () => {
    await using p = await pipe()
    await p.near.write(bytes('ping'))
    await p.near.closeWrite()
    expect(text(await readToEnd(p.far))).toBe('ping')
    expect(p.far.readEnded).toBe(true)
    await p.far.write(bytes('pong after your FIN'))
    await p.far.closeWrite()
    expect(text(await readToEnd(p.near))).toBe('pong after your FIN')
    await until(() => streamsOf(p.server, '/pipe/1.0.0') === 0, 'the stream is gone')
    expect(streamsOf(p.dialler, '/pipe/1.0.0')).toBe(0)
  })

  it('reads null again and again after the end', async () => {
    await using p = await pipe()
    await p.near.closeWrite()
    expect(await p.far.read()).toBeNull()
    expect(await p.far.read()).toBeNull()
  })

  it('sends the small writes of one tick as one message', async () => {
    await using p = await pipe()
    let sends = 0
    const send = p.near.stream.send.bind(p.near.stream)
    p.near.stream.send = data => {
      sends += 1
      return send(data)
    }
    await Promise.all(Array.from({ length: 1000 }, (_, i) => p.near.write(bytes(`${i},`))))
    expect(sends).toBe(1)
    await p.near.closeWrite()
    expect(text(await readToEnd(p.far))).toBe(`${Array.from({ length: 1000 }, (_, i) => i).join(',')},`)
  })

  it('keeps the order of small and large writes', async () => {
    await using p = await pipe()
    const whole = pattern(5_000_000)
    const cuts = [0, 1, 10, 70_000, 70_001, 2_000_000, 2_000_003, 5_000_000]
    const received = readToEnd(p.far)
    for (const [i, from] of cuts.entries()) void p.near.write(whole.subarray(from, cuts[i + 1] ?? from))
    await p.near.closeWrite()
    expect(Buffer.compare(await received, whole)).toBe(0)
    expect(p.near.bytesWritten).toBe(5_000_000)
    expect(p.far.bytesRead).toBe(5_000_000)
  })

  it('readFull returns exactly what was asked for, however it arrived', async () => {
    await using p = await pipe()
    const whole = pattern(300_000)
    void p.near.write(whole)
    void p.near.closeWrite()
    const parts: Uint8Array[] = []
    for (const size of [1, 3, 0, 100_000, 199_996]) parts.push(await p.far.readFull(size))
    expect(parts.map(part => part.byteLength)).toEqual([1, 3, 0, 100_000, 199_996])
    expect(Buffer.compare(Buffer.concat(parts), whole)).toBe(0)
    expect(await p.far.read()).toBeNull()
  })

  it('readFull fails when the peer ends too early, or is asked for nonsense', async () => {
    await using p = await pipe()
    await p.near.write(bytes('abc'))
    await p.near.closeWrite()
    await expect(p.far.readFull(4)).rejects.toMatchObject({ code: 'ERR_UNEXPECTED_EOF', protocol: '/pipe/1.0.0' })
    await expect(p.far.readFull(-1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  it('refuses writes after closeWrite, and says that nothing was sent', async () => {
    await using p = await pipe()
    await p.near.closeWrite()
    await expect(p.near.write(bytes('x'))).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED', sent: false })
    expect(p.near.writeEnded).toBe(true)
  })

  it('works as a pair of web streams', async () => {
    await using p = await pipe()
    const whole = pattern(1_000_000)
    const echoed = p.far.readable.pipeTo(p.far.writable)
    const received = new Response(p.near.readable).arrayBuffer()
    await new Blob([whole.slice()]).stream().pipeTo(p.near.writable)
    expect(Buffer.compare(Buffer.from(await received), whole)).toBe(0)
    await echoed
  })

  it('cancelling a web stream resets the Conn', async () => {
    await using p = await pipe()
    await p.near.readable.cancel(new Error('enough'))
    await expect(p.far.read()).rejects.toMatchObject({ code: 'ERR_STREAM_RESET' })
  })

  it('tells who is on the other side', async () => {
    await using p = await pipe()
    expect(p.near.remotePeer.equals(p.server.peerId)).toBe(true)
    expect(p.far.remotePeer.equals(p.dialler.peerId)).toBe(true)
    expect([p.near.direction, p.far.direction, p.near.protocol]).toEqual(['outbound', 'inbound', '/pipe/1.0.0'])
    expect(p.near.remoteMultiaddr.toString()).toContain(p.server.peerId.toString())
  })

  it('close() ends both halves at once and still delivers what was written', async () => {
    await using p = await pipe()
    void p.near.write(pattern(200_000))
    const received = readToEnd(p.far)
    await p.near.close()
    expect((await received).byteLength).toBe(200_000)
    await expect(p.near.read()).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' })
    await p.far.close()
    await until(() => streamsOf(p.server, '/pipe/1.0.0') + streamsOf(p.dialler, '/pipe/1.0.0') === 0, 'both ends gone')
  })
})

describe('listen and dial', () => {
  it('hands waiting accepts their streams in order and resets what nobody accepted', async () => {
    await using server = await ourHost()
    await using client = await ourHost()
    const listener = await listen(server, '/l/1.0.0', { backlog: 2 })
    const conns = await Promise.all(Array.from({ length: 4 }, () => dial(client, addressOf(server), '/l/1.0.0')))
    const outcomes = await Promise.allSettled(conns.map(conn => conn.read({ timeout: 300 })))
    const codes = outcomes.map(outcome => (outcome.status === 'rejected' ? outcome.reason.code : 'open'))
    const counted = (code: string): number => codes.filter(each => each === code).length
    expect([counted('ERR_STREAM_RESET'), counted('ERR_TIMEOUT')]).toEqual([2, 2])
    const accepted = await listener.accept()
    await listener.close()
    expect(accepted.stream.status).toBe('open')
    await until(() => streamsOf(server, '/l/1.0.0') === 1, 'only the accepted stream is left')
  })

  it('accept() ends with the listener, a signal or a timeout', async () => {
    await using server = await ourHost()
    const listener = await listen(server, '/l/1.0.0')
    await expect(listener.accept({ timeout: 20 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    await expect(listener.accept({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    const waiting = listener.accept()
    const loop = (async () => {
      for await (const conn of listener) conn.reset()
      return 'ended'
    })()
    await listener.close()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_LISTENER_CLOSED' })
    expect(await loop).toBe('ended')
    await using again = await listen(server, '/l/1.0.0')
    await expect(listen(server, again.protocol)).rejects.toMatchObject({ code: 'ERR_PROTOCOL_EXISTS' })
  })

  it('names what is wrong with a peer that cannot be dialled', async () => {
    await using server = await ourHost()
    await using client = await ourHost()
    await using gone = await stockHost()
    const goneAddress = addressOf(gone)
    await gone.stop()
    const fails = (peer: Parameters<typeof dial>[1]) => expect(dial(client, peer, '/x')).rejects
    await fails('no peer').toMatchObject({ code: 'ERR_INVALID_PEER' })
    await fails(client.peerId).toMatchObject({ code: 'ERR_DIAL_SELF', sent: false })
    await fails(gone.peerId).toMatchObject({ code: 'ERR_PEER_NOT_FOUND' })
    await fails(goneAddress).toMatchObject({ code: 'ERR_DIAL_FAILED' })
    await fails(addressOf(server)).toMatchObject({
      code: 'ERR_PROTOCOL_UNSUPPORTED',
      protocol: '/x',
      peer: server.peerId.toString()
    })
    await expect(dial(client, server.peerId, '/x', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED'
    })
    // Someone else answers at that address.
    const wrong = addressOf(server).replace(server.peerId.toString(), gone.peerId.toString())
    await fails(wrong).toMatchObject({ code: 'ERR_DIAL_FAILED' })
  })
})
