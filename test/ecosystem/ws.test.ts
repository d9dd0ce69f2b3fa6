import { once } from 'node:events'
import http from 'node:http'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { createWebSocketStream, type RawData, WebSocket, WebSocketServer } from 'ws'
import { MIB, randomBody } from '../support/bytes.ts'
import { until, within } from '../support/until.ts'
import { flavours, type Nets, useNets } from './support/nets.ts'
import { type Serving, serveBy } from './support/serving.ts'
import { RandomSource, settled, sha256Of } from './support/streams.ts'

function textOf(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString() : ''
}

/** A WebSocket, open at both ends. */
class Both implements AsyncDisposable {
  readonly client: WebSocket
  readonly server: WebSocket
  readonly #serving: Serving

  constructor(client: WebSocket, server: WebSocket, serving: Serving) {
    this.client = client
    this.server = server
    this.#serving = serving
  }

  static async open(nets: Pick<Nets, 'server' | 'client'>, perMessageDeflate = false): Promise<Both> {
    const upper = http.createServer()
    const sockets = new WebSocketServer({ noServer: true, perMessageDeflate, maxPayload: 64 * MIB })
    const accepted = Promise.withResolvers<WebSocket>()
    upper.on('upgrade', (request, socket, head) => sockets.handleUpgrade(request, socket, head, accepted.resolve))
    const serving = await serveBy(nets, upper)
    const client = new WebSocket('ws://peer.test/path', {
      perMessageDeflate,
      createConnection: () => nets.client.connect({ port: serving.port })
    })
    await once(client, 'open')
    return new Both(client, await accepted.promise, serving)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.terminate()
    this.server.terminate()
    await this.#serving[Symbol.asyncDispose]()
  }
}

describe.each(flavours)('ws over $name', flavour => {
  const nets = useNets(flavour)

  it('sends texts both ways, in order', async () => {
    await using both = await Both.open(nets)
    both.server.on('message', data => both.server.send(`${textOf(data)}!`))
    const texts: string[] = []
    const { promise: all, resolve } = Promise.withResolvers<void>()
    both.client.on('message', (data, isBinary) => {
      expect(isBinary).toBe(false)
      if (texts.push(textOf(data)) === 1_000) resolve()
    })
    for (let i = 0; i < 1_000; i++) both.client.send(`text ${i} 你好`)
    await all
    expect(texts).toEqual(Array.from(texts, (_, i) => `text ${i} 你好!`))
  })

  it.each([1, 16])('sends a binary message of %i MiB and back', async size => {
    await using both = await Both.open(nets)
    both.server.on('message', data => both.server.send(data))
    const body = randomBody(size * MIB)
    both.client.send(body)
    const [data, isBinary] = await once(both.client, 'message')
    expect(isBinary).toBe(true)
    expect(data.equals(body)).toBe(true)
  })

  it('compresses', async () => {
    await using both = await Both.open(nets, true)
    expect(both.client.extensions).toBe('permessage-deflate')
    const text = 'again and again '.repeat(100_000)
    both.client.send(text)
    expect(String((await once(both.server, 'message'))[0])).toBe(text)
  })

  it('pings and is ponged, both ways', async () => {
    await using both = await Both.open(nets)
    for (const side of [both.client, both.server]) {
      const pong = once(side, 'pong')
      side.ping('are you there?')
      expect(String((await pong)[0])).toBe('are you there?')
    }
  })

  it.each([
    [1000, 'done'],
    [1001, ''],
    [4321, 'of our own']
  ])('closes with code %i', async (code, reason) => {
    await using both = await Both.open(nets)
    const closed = Promise.all([once(both.server, 'close'), once(both.client, 'close')])
    both.client.close(code, reason)
    const codes = (await within(5_000, 'both close', closed)).map(([each, why]) => [each, String(why)])
    expect(codes).toEqual([
      [code, reason],
      [code, reason]
    ])
  })

  it('closes from the server, what was sent before arrives', async () => {
    await using both = await Both.open(nets)
    let received = 0
    both.client.on('message', () => {
      received += 1
    })
    const closed = once(both.client, 'close')
    for (let i = 0; i < 100; i++) both.server.send(randomBody(10_000))
    both.server.close(1000)
    expect((await within(5_000, 'the client closes', closed))[0]).toBe(1000)
    expect(received).toBe(100)
  })

  it('is told 1006 when the other side terminates', async () => {
    await using both = await Both.open(nets)
    const closed = once(both.server, 'close')
    both.client.terminate()
    expect((await within(5_000, 'the server closes', closed))[0]).toBe(1006)
  })

  it('refuses a frame that breaks the protocol with 1002', async () => {
    const upper = http.createServer()
    const sockets = new WebSocketServer({ server: upper })
    sockets.on('connection', each => each.on('error', () => {}))
    await using serving = await serveBy(nets, upper)
    const raw = nets.client.connect({ port: serving.port })
    const key = 'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
    raw.write(`GET / HTTP/1.1\r\nHost: peer\r\nUpgrade: websocket\r\n${key}\r\n\r\n`)
    await once(raw, 'data')
    raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    const [frame]: Buffer[] = await within(5_000, 'the client is told', once(raw, 'data'))
    expect(frame?.toString('hex')).toBe('880203ea') // a close frame, 2 bytes, 1002
    raw.destroy()
  })

  it('pauses and resumes as a stream of 32 MiB', async () => {
    await using both = await Both.open(nets)
    const source = new RandomSource(32 * MIB)
    const sent = pipeline(source.stream, createWebSocketStream(both.client))
    both.server.pause()
    expect(await settled('the client waits', () => source.produced)).toBeLessThan(24 * MIB)
    const digest = sha256Of(createWebSocketStream(both.server))
    both.server.resume()
    expect(await digest).toBe(source.sha256())
    await sent
  })

  it('is refused with the answer of the server', async () => {
    const upper = http.createServer()
    upper.on('upgrade', (_, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n'))
    await using serving = await serveBy(nets, upper)
    const client = new WebSocket('ws://peer.test', {
      createConnection: () => nets.client.connect({ port: serving.port })
    })
    const [error] = await within(5_000, 'it is refused', once(client, 'error'))
    expect(error.message).toBe('Unexpected server response: 401')
  })

  it('tells 300 clients at once what each of them says', async () => {
    const upper = http.createServer()
    const chat = new WebSocketServer({ server: upper })
    chat.on('connection', socket => {
      socket.on('message', data => {
        for (const each of chat.clients) each.send(data)
      })
    })
    await using serving = await serveBy(nets, upper)
    let heard = 0
    const clients = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const createConnection = () => nets.client.connect({ port: serving.port })
        const client = new WebSocket('ws://peer.test', { createConnection })
        client.on('message', () => {
          heard += 1
        })
        await once(client, 'open')
        return client
      })
    )
    for (const client of clients.slice(0, 20)) client.send(randomBody(100))
    await until(
      'all is heard',
      () => heard,
      messages => messages === 20 * 300
    )
    const closed = Promise.all(clients.map(async client => once(client, 'close')))
    for (const client of clients) client.close(1000)
    await within(10_000, 'all close', closed)
  })

  it('is told that nothing listens', async () => {
    const serving = await serveBy(nets, http.createServer())
    await serving[Symbol.asyncDispose]()
    const client = new WebSocket('ws://peer.test', {
      createConnection: () => nets.client.connect({ port: serving.port })
    })
    const [error] = await within(5_000, 'it is refused', once(client, 'error'))
    expect(error.code).toBe('ECONNREFUSED')
  })
})
