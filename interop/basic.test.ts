import { describe, expect, test } from 'vitest'
import { Client, type Conn, dial, listen, Server } from '../src/index.ts'
import { bytes, MIB, randomBody, same, sha256, text } from './bytes.ts'
import { diallingHost, listeningHost } from './hosts.ts'
import { overEveryBasicLink, raw, send, serve } from './links.ts'
import { allStreamsClosed } from './streams.ts'

const ECHO = '/echo/1.0.0'
const FAIL = '/fail/1.0.0'
const RAW_ECHO = '/raw/echo/1.0.0'
const RAW_DIGEST = '/raw/digest/1.0.0'
const SIZES = [1, 64, MIB, 8 * MIB]
const RAW_SIZE = 5 * MIB + 1
/** Go PointSub v1.1.0 to v1.1.2 refuses to send more than 50 in a burst, and waits longer each time. */
const BURST = 40

async function readAll(conn: Conn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of conn) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function writeAll(conn: Conn, body: Uint8Array): Promise<void> {
  await conn.write(body)
  await conn.closeWrite()
}

overEveryBasicLink((link, modes) => {
  describe.for(modes)('in mode %s', mode => {
    test.each([0, ...SIZES])('it echoes %i bytes of our client', async size => {
      await using go = await serve(link, { mode })
      await using host = await diallingHost(link)
      await using client = new Client(host)
      const request = randomBody(size)
      expect(same(await client.send(go.address, ECHO, request), request)).toBe(true)
    })

    test('it answers 200 calls in a row, then 300 at once, none of them twice', async () => {
      await using go = await serve(link, { mode })
      await using host = await diallingHost(link)
      await using client = new Client(host, { maxRetries: 0 })
      const call = async (): Promise<boolean> => {
        const request = randomBody(64)
        return same(await client.send(go.address, ECHO, request), request)
      }
      for (let i = 0; i < 200; i++) expect(await call()).toBe(true)
      expect(await Promise.all(Array.from({ length: 300 }, call))).not.toContain(false)
    })

    test('its failing handler is told as its release tells it, and the next call works', async () => {
      await using go = await serve(link, { mode })
      await using host = await diallingHost(link)
      await using client = new Client(host, { maxRetries: 0 })
      const outcome = await client.send(go.address, FAIL, bytes('please')).then(text, (error: unknown) => error)
      if (mode === 'one') expect(outcome).toMatch(/^处理请求失败: ./)
      else expect(outcome).toMatchObject({ code: 'ERR_NO_RESPONSE', sent: true })
      expect(text(await client.send(go.address, '/upper/1.0.0', bytes('still here')))).toBe('STILL HERE')
    })

    test('a protocol that it does not serve is ERR_PROTOCOL_UNSUPPORTED', async () => {
      await using go = await serve(link, { mode })
      await using host = await diallingHost(link)
      await using client = new Client(host)
      await expect(client.send(go.address, '/none/1.0.0', bytes('?'))).rejects.toMatchObject({
        code: 'ERR_PROTOCOL_UNSUPPORTED',
        sent: false
      })
    })

    test.each(SIZES)('our server echoes %i bytes of its client', async size => {
      await using host = await listeningHost(link)
      await using server = new Server(host)
      await server.start(ECHO, request => request)
      await using go = send(link, host, ECHO, { mode, size })
      expect(await go.first('done')).toMatchObject({ ok: 1, failed: 0 })
      expect(go.lines('answer').map(({ echo }) => echo)).toEqual([true])
    })

    test(`our server answers ${BURST} requests of its client at once`, async () => {
      await using host = await listeningHost(link)
      await using server = new Server(host)
      await server.start(ECHO, request => request)
      await using go = send(link, host, ECHO, { mode, size: 64, count: BURST, concurrency: BURST })
      expect(await go.first('done')).toMatchObject({ ok: BURST, failed: 0 })
      expect(go.lines('answer').filter(({ echo }) => echo)).toHaveLength(BURST)
    })

    test('a handler of ours that throws, and a protocol we do not serve, fail its calls', async () => {
      await using host = await listeningHost(link)
      await using server = new Server(host)
      await server.start(FAIL, () => Promise.reject(new Error('not this one')))
      for (const protocol of [FAIL, '/none/1.0.0']) {
        await using go = send(link, host, protocol, { mode, body: 'please' })
        expect(await go.first('done')).toMatchObject({ ok: 0, failed: 1 })
      }
    })
  })

  test('bytes go there and back, and each sees the other half-close, when we dial', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    const body = randomBody(RAW_SIZE)
    await using echo = await dial(host, go.address, RAW_ECHO)
    const [received] = await Promise.all([readAll(echo), writeAll(echo, body)])
    expect(same(received, body)).toBe(true)
    await using digest = await dial(host, go.address, RAW_DIGEST)
    await writeAll(digest, body)
    expect(text(await readAll(digest))).toBe(`${RAW_SIZE} ${sha256(body)}`)
    await allStreamsClosed(host, RAW_ECHO)
  })

  test('the same when they dial', async () => {
    await using host = await listeningHost(link)
    await using echoes = await listen(host, RAW_ECHO)
    await using echoing = raw(link, host, RAW_ECHO, { size: RAW_SIZE, 'half-close': true })
    await using echo = await echoes.accept()
    for await (const chunk of echo) await echo.write(chunk)
    await echo.closeWrite()
    const echoed = await echoing.first('raw')
    expect(echoed.receivedSha256).toBe(echoed.sentSha256)

    await using digests = await listen(host, RAW_DIGEST)
    await using digesting = raw(link, host, RAW_DIGEST, { size: RAW_SIZE, 'half-close': true })
    await using digest = await digests.accept()
    const body = await readAll(digest)
    await writeAll(digest, bytes(`${body.byteLength} ${sha256(body)}`))
    const { text: answer, sentSha256 } = await digesting.first('raw')
    expect(answer).toBe(`${RAW_SIZE} ${sentSha256}`)
  })
})
