import { expect, test } from 'vitest'
import { type Conn, dial, listen, PointSubError } from '../src/index.ts'
import { bytes, KIB, MIB, randomBody, sha256, text } from './bytes.ts'
import { diallingHost, listeningHost } from './hosts.ts'
import { overEveryLink, raw, serve } from './links.ts'
import { allStreamsClosed } from './streams.ts'

const ECHO = '/raw/echo/1.0.0'
const DIGEST = '/raw/digest/1.0.0'
const RESET = '/raw/reset/1.0.0'
const SIZE = 5 * MIB + 1

async function readAll(conn: Conn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of conn) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Writes 64 KiB at a time, awaiting each write as backpressure asks for, then half-closes. */
async function writeAll(conn: Conn, body: Uint8Array): Promise<void> {
  for (let at = 0; at < body.byteLength; at += 64 * KIB) {
    await conn.write(body.subarray(at, at + 64 * KIB))
  }
  await conn.closeWrite()
}

overEveryLink(link => {
  test('bytes of ours come back from Go, and its FIN after ours', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using conn = await dial(host, go.address, ECHO)
    const body = randomBody(SIZE)
    const [received] = await Promise.all([readAll(conn), writeAll(conn, body)])
    expect(received.byteLength).toBe(SIZE)
    expect(sha256(received)).toBe(sha256(body))
    expect(await conn.read()).toBeNull()
    expect(await go.first('stream')).toMatchObject({
      protocol: ECHO,
      reason: 'eof'
    })
    await allStreamsClosed(host, ECHO)
  })

  test('Go answers what it can only know after our half-close', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using conn = await dial(host, go.address, DIGEST)
    const body = randomBody(SIZE)
    await writeAll(conn, body)
    expect(text(await readAll(conn))).toBe(`${SIZE} ${sha256(body)}`)
    await allStreamsClosed(host, DIGEST)
  })

  test('a conn without bytes ends cleanly', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using conn = await dial(host, go.address, ECHO)
    await conn.closeWrite()
    expect(await conn.read()).toBeNull()
    expect(await go.first('stream')).toMatchObject({ reason: 'eof' })
    await allStreamsClosed(host, ECHO)
  })

  test('Go sees our reset', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    const conn = await dial(host, go.address, ECHO)
    await conn.write(bytes('hello'))
    expect(text((await conn.read()) ?? new Uint8Array())).toBe('hello')
    conn.reset()
    expect(await go.first('stream')).toMatchObject({ reason: 'reset' })
    await allStreamsClosed(host, ECHO)
  })

  test('a reset of Go is an error after the bytes before it, never an end', { fails: !link.tellsResets }, async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using conn = await dial(host, go.address, RESET)
    await conn.write(bytes('1'))
    expect(text(await conn.readFull(4))).toBe('half')
    await conn.write(bytes('2'))
    await expect(conn.read()).rejects.toMatchObject({ code: 'ERR_STREAM_RESET' })
    await allStreamsClosed(host, RESET)
  })

  test('a Go peer that dies is an error, never an end', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using conn = await dial(host, go.address, ECHO)
    await conn.write(bytes('hello'))
    expect(text(await conn.readFull(5))).toBe('hello')
    await go.kill()
    const seen = await conn
      .read()
      .then(String, (error: unknown) => (error instanceof PointSubError ? error.code : error))
    expect(['ERR_CONNECTION_LOST', 'ERR_STREAM_RESET', ...(link.tellsResets ? [] : ['null'])]).toContain(seen)
    await allStreamsClosed(host, ECHO)
  })

  test('bytes of Go come back from us, and our FIN after its', async () => {
    await using host = await listeningHost(link)
    await using listener = await listen(host, ECHO)
    await using go = raw(link, host, ECHO, { size: SIZE, 'half-close': true })
    await using conn = await listener.accept()
    for await (const chunk of conn) await conn.write(chunk)
    await conn.closeWrite()
    const { sent, received, sentSha256, receivedSha256 } = await go.first('raw')
    expect([sent, received]).toEqual([SIZE, SIZE])
    expect(receivedSha256).toBe(sentSha256)
    await allStreamsClosed(host, ECHO)
  })

  test('we answer what we can only know after the half-close of Go', async () => {
    await using host = await listeningHost(link)
    await using listener = await listen(host, DIGEST)
    await using go = raw(link, host, DIGEST, { size: SIZE, 'half-close': true })
    await using conn = await listener.accept()
    const body = await readAll(conn)
    await conn.write(bytes(`${body.byteLength} ${sha256(body)}`))
    await conn.closeWrite()
    const { sentSha256, text: answer } = await go.first('raw')
    expect(answer).toBe(`${SIZE} ${sentSha256}`)
    await allStreamsClosed(host, DIGEST)
  })

  test('Go writes no more than a slow reader of ours takes', { fails: !link.holdsBack }, async () => {
    await using host = await listeningHost(link)
    await using listener = await listen(host, DIGEST)
    await using go = raw(link, host, DIGEST, {
      size: 64 * MIB,
      'half-close': true
    })
    await using conn = await listener.accept()
    let total = 0
    let peak = 0
    for await (const chunk of conn) {
      total += chunk.byteLength
      peak = Math.max(peak, conn.bytesBuffered)
      // Slow for as long as a sender that is not held back would need for all of it.
      if (total < 8 * MIB) await new Promise(resolve => setTimeout(resolve, 2))
    }
    expect(total).toBe(64 * MIB)
    expect(peak).toBeLessThan(20 * MIB)
    await conn.write(bytes('got it'))
    await conn.closeWrite()
    expect(await go.first('raw')).toMatchObject({
      text: 'got it',
      sent: 64 * MIB
    })
    await allStreamsClosed(host, DIGEST)
  })

  test('Go fails when we reset its stream', async () => {
    await using host = await listeningHost(link)
    await using listener = await listen(host, ECHO)
    await using go = raw(link, host, ECHO, { size: MIB, 'half-close': true })
    const conn = await listener.accept()
    await conn.read()
    conn.reset()
    await expect(go.first('raw')).rejects.toThrow(/reset/)
    await allStreamsClosed(host, ECHO)
  })
})
