import { describe, expect, test } from 'vitest'
import { type Conn, dial, listen } from '../src/index.ts'
import { isReadableByGo, Transporter, type TransporterOptions } from '../src/smts/index.ts'
import { bytes, KIB, MIB, randomBody, same, sha256, text } from './bytes.ts'
import { diallingHost, type Host, listeningHost } from './hosts.ts'
import { overEverySmtsLink, raw, smtsDial, smtsListen } from './links.ts'
import { allStreamsClosed } from './streams.ts'

const ECHO = '/smts/echo/1.0.0'
const STREAM = '/smts/stream/1.0.0'
const DIGEST = '/smts/digest/1.0.0'
const RAW_ECHO = '/raw/echo/1.0.0'
const SIZES = [0, 1, 300, 1025, 65_535, 65_536, 65_536 + 128, 200_064, 5 * MIB]
const STREAM_SIZES = [0, 1, 65_536, 70_000, 300_000, 5 * MIB + 1]
/** Sizes that Go can write and not read, some of which look just like a short frame. */
const AWKWARD = [65_600, 70_000, 65_536 + 127, 131_136, MIB + 64]

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

async function open(host: Host, address: string, protocol: string, options?: TransporterOptions): Promise<Transporter> {
  return new Transporter(await dial(host, address, protocol), options)
}

/** Sends a message and waits for one. */
async function exchange(transporter: Transporter, body: Uint8Array): Promise<Uint8Array> {
  const [answer] = await Promise.all([transporter.receive(), transporter.send(body)])
  return answer ?? raise('Go ended the stream')
}

function raise(message: string): never {
  throw new Error(message)
}

/** Answers on the next stream of a protocol until Go has nothing more to say. */
async function serve(host: Host, protocol: string, play: (transporter: Transporter) => Promise<void>): Promise<void> {
  await using listener = await listen(host, protocol)
  await using transporter = new Transporter(await listener.accept())
  await play(transporter)
  await transporter.closeWrite()
  await transporter.conn.closed
}

async function echoMessages(transporter: Transporter): Promise<void> {
  for (let body = await transporter.receive(); body !== null; body = await transporter.receive()) {
    await transporter.send(body)
  }
}

overEverySmtsLink(link => {
  describe('we dial', () => {
    test.each(['default', 'advanced'])(
      'messages come back from the %s processor, and its FIN after ours',
      async processor => {
        await using go = await smtsListen(link, { processor })
        await using host = await diallingHost(link)
        await using transporter = await open(host, go.address, ECHO, { enableCompression: processor === 'advanced' })
        for (const body of SIZES.flatMap(size => [randomBody(size), new Uint8Array(size)])) {
          expect(same(await exchange(transporter, body), body)).toBe(true)
        }
        await transporter.closeWrite()
        expect(await transporter.receive()).toBeNull()
        expect(await go.first('smts')).toMatchObject({ messages: 2 * SIZES.length, end: 'eof' })
        await allStreamsClosed(host, ECHO)
      }
    )

    test('no size is one that Go misreads: it is refused, or compressed', async () => {
      await using go = await smtsListen(link)
      await using advanced = await smtsListen(link, { processor: 'advanced' })
      await using host = await diallingHost(link)
      await using plain = await open(host, go.address, ECHO)
      await using zipping = await open(host, advanced.address, ECHO, { enableCompression: true })
      for (let size = 65_536; size < 65_536 + 256; size += 5) {
        const body = randomBody(size)
        expect(same(await exchange(zipping, body), body)).toBe(true)
        if (isReadableByGo(size)) expect(same(await exchange(plain, body), body)).toBe(true)
        else await expect(plain.send(body)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
      }
    })

    test('Go misreads such a size when it is sent all the same', async () => {
      await using go = await smtsListen(link)
      await using host = await diallingHost(link)
      await using conn = await dial(host, go.address, ECHO)
      await conn.write(Buffer.from('00010040000000000000000005', 'hex'))
      const answer = await new Transporter(conn).receive()
      expect(answer?.byteLength).toBe(1)
    })

    test.each(['default', 'advanced'])('streams come back from the %s processor', async processor => {
      await using go = await smtsListen(link, { processor })
      await using host = await diallingHost(link)
      await using transporter = await open(host, go.address, STREAM, { enableCompression: processor === 'advanced' })
      // Go cannot read the empty stream that it writes itself, we can read both.
      for (const size of STREAM_SIZES) {
        const body = size % 2 === 0 ? randomBody(size) : new Uint8Array(size).fill(size)
        const [received] = await Promise.all([all(transporter.receiveStream()), transporter.sendStream(pieces(body))])
        expect(same(received, body)).toBe(true)
      }
      await transporter.closeWrite()
      expect(await transporter.receive()).toBeNull()
      expect(await go.first('smts')).toMatchObject({ messages: STREAM_SIZES.length, end: 'eof' })
    })

    test('Go does not give up a stream whose source is slow', async () => {
      await using go = await smtsListen(link, { 'patience-ms': 400 })
      await using host = await diallingHost(link)
      await using transporter = await open(host, go.address, DIGEST, { streamKeepAlive: 100 })
      const slowly = async function* (): AsyncGenerator<Uint8Array> {
        for (const part of ['a', 'b']) {
          await new Promise(resolve => setTimeout(resolve, 900))
          yield bytes(part)
        }
      }
      await transporter.sendStream(slowly())
      expect(text((await transporter.receive()) ?? raise('no answer'))).toBe(`2 ${sha256(bytes('ab'))}`)
    })

    test('Go sees a stream that failed as one', async () => {
      await using go = await smtsListen(link)
      await using host = await diallingHost(link)
      await using transporter = await open(host, go.address, DIGEST)
      const failing = async function* (): AsyncGenerator<Uint8Array> {
        yield randomBody(100_000)
        throw new Error('the disk is gone')
      }
      await expect(transporter.sendStream(failing())).rejects.toThrow('the disk is gone')
      expect(await go.first('smts')).toMatchObject({ messages: 0, end: 'reset' })
    })

    test('what v1.2.2 sends without a last frame ends with its FIN', async () => {
      await using go = await smtsListen(link, { version: 'v1.2.2' })
      await using host = await diallingHost(link)
      await using transporter = await open(host, go.address, STREAM)
      const body = randomBody(300_000)
      const received = all(transporter.receiveStream({ fin: 'end' }))
      await transporter.sendStream([body])
      await transporter.closeWrite()
      expect(same(await received, body)).toBe(true)
    })

    test('bytes without frames come back, and the FIN after ours', async () => {
      await using go = await smtsListen(link)
      await using host = await diallingHost(link)
      await using conn = await dial(host, go.address, RAW_ECHO)
      const body = randomBody(MIB)
      const [received] = await Promise.all([all(conn), conn.write(body).then(() => conn.closeWrite())])
      expect(same(received, body)).toBe(true)
    })
  })

  describe('they dial', () => {
    test('messages, also of sizes that Go cannot read itself, arrive', async () => {
      await using host = await listeningHost(link)
      const sizes = [...SIZES, ...AWKWARD]
      const received: string[] = []
      const serving = serve(host, DIGEST, async transporter => {
        for await (const body of messagesOf(transporter)) {
          received.push(sha256(body))
          await transporter.send(bytes(sha256(body)))
        }
      })
      await using go = smtsDial(link, host, DIGEST, { size: sizes.join(',') })
      const { messages, end } = await go.first('smts')
      expect({ messages, end }).toEqual({ messages: sizes.length, end: '' })
      const answers = go.lines('answer').map(line => line.sha256)
      expect(answers).toEqual(received.map(hash => sha256(bytes(hash))))
      await serving
    })

    test.each(['default', 'advanced'])('messages of the %s processor go back', async processor => {
      await using host = await listeningHost(link)
      const serving = serve(host, ECHO, echoMessages)
      await using go = smtsDial(link, host, ECHO, { size: SIZES.join(','), processor })
      await go.first('smts')
      expect(go.lines('answer').map(line => line.echo)).toEqual(SIZES.map(() => true))
      await serving
    })

    test.each(['streams', 'stream-of-unknown-size'])('%s go back, chunk by chunk', async play => {
      await using host = await listeningHost(link)
      const sizes = STREAM_SIZES.filter(size => size > 0)
      const serving = serve(host, STREAM, async transporter => {
        for (const _ of sizes) await transporter.sendStream(transporter.receiveStream())
        expect(await transporter.receive()).toBeNull()
      })
      await using go = smtsDial(link, host, STREAM, { size: sizes.join(','), play })
      await go.first('smts')
      expect(go.lines('answer').map(line => line.echo)).toEqual(sizes.map(() => true))
      await serving
    })

    test('the stream of v1.2.2, and the empty one, come whole', async () => {
      await using host = await listeningHost(link)
      for (const flags of [{ size: 300_000, version: 'v1.2.2' }, { size: 0 }]) {
        const serving = serve(host, STREAM, async transporter => {
          await transporter.sendStream([await all(transporter.receiveStream({ fin: 'end' }))])
        })
        await using go = smtsDial(link, host, STREAM, { play: 'streams', ...flags })
        await go.first('smts')
        expect(go.lines('answer').map(line => line.echo)).toEqual([true])
        await serving
      }
    })

    test('bytes without frames go back, and our FIN after theirs', async () => {
      await using host = await listeningHost(link)
      await using listener = await listen(host, RAW_ECHO)
      await using go = raw(link, host, RAW_ECHO, { size: MIB, 'half-close': true })
      await using conn: Conn = await listener.accept()
      for await (const chunk of conn) await conn.write(chunk)
      await conn.closeWrite()
      const { sentSha256, receivedSha256 } = await go.first('raw')
      expect(receivedSha256).toBe(sentSha256)
    })
  })
})

async function* messagesOf(transporter: Transporter): AsyncGenerator<Uint8Array> {
  for (let body = await transporter.receive(); body !== null; body = await transporter.receive()) yield body
}

/** Pieces of sizes that are good for nobody. */
function* pieces(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.byteLength; at += 77 * KIB + 70) yield body.subarray(at, at + 77 * KIB + 70)
}
