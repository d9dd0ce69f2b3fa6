import http from 'node:http'
import { pipeline } from 'node:stream/promises'
import { Agent, type buildConnector, Client, fetch, request } from 'undici'
import { describe, expect, it } from 'vitest'
import { KIB, MIB, randomBody } from '../support/bytes.ts'
import { within } from '../support/until.ts'
import { flavours, type Nets, useNets } from './support/nets.ts'
import { serveBy } from './support/serving.ts'
import { RandomSource, settled, sha256Of } from './support/streams.ts'

const ORIGIN = 'http://peer.test'

/** undici's way to bring sockets of one's own. */
function connector({ client }: Pick<Nets, 'client'>, port: number): buildConnector.connector {
  return (_, callback) => {
    const socket = client.connect({ port })
    socket.once('connect', () => callback(null, socket))
    socket.once('error', error => callback(error, null))
  }
}

const echo = (): http.Server => http.createServer((incoming, outgoing) => incoming.pipe(outgoing))

describe.each(flavours)('undici over $name', flavour => {
  const nets = useNets(flavour)

  it('fetches', async () => {
    await using serving = await serveBy(nets, echo())
    const dispatcher = new Agent({ connect: connector(nets, serving.port) })
    const text = 'hello '.repeat(1_000)
    const response = await fetch(`${ORIGIN}/path`, { dispatcher, method: 'POST', body: text })
    expect([response.status, await response.text()]).toEqual([200, text])
    await dispatcher.close()
  })

  it('requests 500 times over 10 sockets', async () => {
    await using serving = await serveBy(nets, echo())
    const dispatcher = new Agent({ connect: connector(nets, serving.port), connections: 10 })
    const bodies = Array.from({ length: 500 }, (_, i) => randomBody(i * 10))
    const answers = await Promise.all(
      bodies.map(async body => {
        const answer = await request(ORIGIN, { dispatcher, method: 'POST', body })
        return Buffer.from(await answer.body.arrayBuffer())
      })
    )
    expect(answers.every((answer, i) => answer.equals(bodies[i] ?? randomBody(1)))).toBe(true)
    expect(serving.sockets.size).toBe(10)
    await dispatcher.close()
  })

  it('pipelines', async () => {
    const server = http.createServer((incoming, outgoing) => outgoing.end(incoming.url))
    await using serving = await serveBy(nets, server)
    const client = new Client(ORIGIN, { connect: connector(nets, serving.port), pipelining: 16 })
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => (await client.request({ method: 'GET', path: `/${i}` })).body.text())
    )
    expect(answers).toEqual(answers.map((_, i) => `/${i}`))
    expect(serving.sockets.size).toBe(1)
    await client.close()
  })

  it('streams 16 MiB up and down with backpressure', async () => {
    await using serving = await serveBy(nets, echo())
    const dispatcher = new Agent({ connect: connector(nets, serving.port) })
    const source = new RandomSource(16 * MIB)
    const { body } = await request(ORIGIN, { dispatcher, method: 'PUT', body: source.stream })
    expect(await settled('the client waits', () => source.produced)).toBeLessThan(16 * MIB)
    const digest = await sha256Of(body)
    expect(digest).toBe(source.sha256())
    await dispatcher.close()
  })

  it('aborts by signal, in the middle of an answer', async () => {
    const source = new RandomSource(64 * MIB)
    const server = http.createServer((_, outgoing) => void pipeline(source.stream, outgoing).catch(() => {}))
    await using serving = await serveBy(nets, server)
    const dispatcher = new Agent({ connect: connector(nets, serving.port) })
    const controller = new AbortController()
    const response = await fetch(ORIGIN, { dispatcher, signal: controller.signal })
    const reading = response.arrayBuffer()
    controller.abort()
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    expect(source.produced).toBeLessThan(64 * MIB)
    await dispatcher.destroy()
  })

  it('tells its timeouts', async () => {
    await using serving = await serveBy(nets, http.createServer())
    const dispatcher = new Agent({ connect: connector(nets, serving.port), headersTimeout: 100 })
    await expect(within(5_000, 'the timeout', request(ORIGIN, { dispatcher }))).rejects.toMatchObject({
      code: 'UND_ERR_HEADERS_TIMEOUT'
    })
    await dispatcher.destroy()
  })

  it('tells that the server broke the socket', async () => {
    const server = http.createServer((incoming, outgoing) => {
      outgoing.write('x'.repeat(10 * KIB), () => incoming.socket.destroy())
    })
    await using serving = await serveBy(nets, server)
    const dispatcher = new Agent({ connect: connector(nets, serving.port) })
    const { body } = await request(ORIGIN, { dispatcher })
    await expect(within(5_000, 'the body fails', body.text())).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' })
    await dispatcher.destroy()
  })

  it('tells that nothing listens', async () => {
    const serving = await serveBy(nets, echo())
    await serving[Symbol.asyncDispose]()
    const dispatcher = new Agent({ connect: connector(nets, serving.port) })
    await expect(within(5_000, 'it fails', request(ORIGIN, { dispatcher }))).rejects.toMatchObject({
      code: 'ECONNREFUSED'
    })
    await dispatcher.destroy()
  })
})
