import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { MIB } from '../support/bytes.ts'
import { within } from '../support/until.ts'
import { flavours, useNets } from './support/nets.ts'
import { serve } from './support/serving.ts'
import { RandomSource, sha256Of } from './support/streams.ts'

describe.each(flavours)("Node's own stream tools over $name", flavour => {
  const nets = useNets(flavour)

  it('readline reads lines, and answers them', async () => {
    await using serving = await serve(nets, socket => {
      createInterface({ input: socket }).on('line', line => socket.write(`${line.toUpperCase()}\n`))
    })
    const socket = nets.client.connect({ port: serving.port })
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
    for (let i = 0; i < 100; i++) {
      socket.write(`line ${i}\n`)
      expect((await lines.next()).value).toBe(`LINE ${i}`)
    }
    socket.end()
    expect((await lines.next()).done).toBe(true)
  })

  it('setEncoding keeps characters whole that came in pieces', async () => {
    const bytes = Buffer.from('你好 🌍 '.repeat(200))
    await using serving = await serve(nets, socket => {
      const send = (at: number): void => {
        if (at >= bytes.length) socket.end()
        else socket.write(bytes.subarray(at, at + 5), () => setImmediate(send, at + 5))
      }
      send(0)
    })
    const socket = nets.client.connect({ port: serving.port })
    socket.setEncoding('utf8')
    let all = ''
    for await (const chunk of socket) all += chunk
    expect(all).toBe(bytes.toString())
  })

  it('read(n) with readable reads records', async () => {
    await using serving = await serve(nets, socket => {
      for (let i = 0; i < 1_000; i++) socket.write(Buffer.from([0, 0, 0, i % 100, ...randomBytes(i % 100)]))
      socket.end()
    })
    const socket = nets.client.connect({ port: serving.port })
    const sizes: number[] = []
    let size: number | undefined
    socket.on('readable', () => {
      for (;;) {
        if (size === undefined) {
          const head: Buffer | null = socket.read(4)
          if (head === null) return
          size = head.readUInt32BE()
        }
        if (size > 0 && socket.read(size) === null) return
        sizes.push(size)
        size = undefined
      }
    })
    await within(5_000, 'the end', once(socket, 'end'))
    expect(sizes).toEqual(Array.from({ length: 1_000 }, (_, i) => i % 100))
  })

  it('unshift gives back what was read too far', async () => {
    await using serving = await serve(nets, socket => socket.end('head\r\n\r\nthe body'))
    const socket = nets.client.connect({ port: serving.port })
    await once(socket, 'readable')
    const chunk: Buffer = socket.read()
    const end = chunk.indexOf('\r\n\r\n') + 4
    socket.unshift(chunk.subarray(end))
    expect(await text(socket)).toBe('the body')
  })

  it('zlib compresses through it', async () => {
    const received = Promise.withResolvers<string>()
    await using serving = await serve(nets, socket => {
      const gunzip = createGunzip()
      received.resolve(sha256Of(gunzip))
      void pipeline(socket, gunzip)
    })
    const source = new RandomSource(4 * MIB)
    await pipeline(source.stream, createGzip({ level: 1 }), nets.client.connect({ port: serving.port }))
    expect(await received.promise).toBe(source.sha256())
  })

  it('web streams are made of it', async () => {
    await using serving = await serve(nets, socket => socket.pipe(socket), { allowHalfOpen: true })
    const socket = nets.client.connect({ port: serving.port, allowHalfOpen: true })
    const source = new RandomSource(4 * MIB)
    const [digest] = await Promise.all([
      sha256Of(Readable.fromWeb(Readable.toWeb(socket))),
      (Readable.toWeb(source.stream) as ReadableStream).pipeTo(Writable.toWeb(socket) as WritableStream)
    ])
    expect(digest).toBe(source.sha256())
  })

  it('pipeline tells that the other side broke it', async () => {
    await using serving = await serve(nets, socket => socket.once('data', () => socket.resetAndDestroy()))
    const source = new RandomSource(1_000 * MIB)
    const sent = pipeline(source.stream, nets.client.connect({ port: serving.port }))
    await expect(within(5_000, 'the pipeline fails', sent)).rejects.toMatchObject({
      code: expect.stringMatching(/^(ECONNRESET|EPIPE)$/)
    })
    expect(source.stream.destroyed).toBe(true)
  })

  it('a signal ends it', async () => {
    await using serving = await serve(nets, () => {})
    const controller = new AbortController()
    const source = new RandomSource(1_000 * MIB)
    const socket = nets.client.connect({ port: serving.port })
    const sent = pipeline(source.stream, socket, { signal: controller.signal })
    await once(serving.server, 'connection')
    controller.abort()
    await expect(within(5_000, 'the pipeline fails', sent)).rejects.toMatchObject({ name: 'AbortError' })
    expect(socket.destroyed).toBe(true)
  })
})
