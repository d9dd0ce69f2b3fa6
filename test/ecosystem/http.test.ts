import { once } from 'node:events'
import http from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { KIB, MIB, randomBody } from '../support/bytes.ts'
import { ask, PeerAgent } from './support/http.ts'
import { flavours, useNets } from './support/nets.ts'
import { serveBy } from './support/serving.ts'
import { RandomSource, settled, sha256Of, textOf } from './support/streams.ts'

const echo = (): http.Server =>
  http.createServer((request, response) => {
    response.setHeader('x-method', `${request.method} ${request.url}`)
    request.pipe(response)
  })

describe.each(flavours)('node:http over $name', flavour => {
  const nets = useNets(flavour)

  it('answers GET', async () => {
    await using serving = await serveBy(nets, echo())
    using agent = new PeerAgent(nets, serving.port)
    const answer = await ask({ agent, path: '/path?query=1' })
    expect(answer).toMatchObject({ status: 200, headers: { 'x-method': 'GET /path?query=1' }, body: Buffer.alloc(0) })
  })

  it('echoes a POST of known length', async () => {
    await using serving = await serveBy(nets, echo())
    using agent = new PeerAgent(nets, serving.port)
    const body = randomBody(300 * KIB)
    const answer = await ask({ agent, method: 'POST', headers: { 'content-length': body.byteLength }, body })
    expect(answer.body.equals(body)).toBe(true)
  })

  it('sends chunks and trailers both ways', async () => {
    const server = http.createServer((request, response) => {
      response.setHeader('trailer', 'x-sum')
      request.pipe(response, { end: false })
      request.on('end', () => {
        response.addTrailers({ 'x-sum': `${request.headers['transfer-encoding']} ${request.trailers['x-count']}` })
        response.end()
      })
    })
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const request = http.request({ agent, method: 'PUT', headers: { trailer: 'x-count' } })
    for (let i = 0; i < 100; i++) request.write(`chunk ${i},`)
    request.addTrailers({ 'x-count': '100' })
    request.end()
    const [response]: [http.IncomingMessage] = await once(request, 'response').then(([first]) => [first])
    expect(await textOf(response)).toBe(Array.from({ length: 100 }, (_, i) => `chunk ${i},`).join(''))
    expect(response.trailers).toEqual({ 'x-sum': 'chunked 100' })
  })

  it('reuses a socket with keep-alive', async () => {
    await using serving = await serveBy(nets, echo())
    using agent = new PeerAgent(nets, serving.port, { keepAlive: true })
    for (let i = 0; i < 50; i++) {
      const answer = await ask({ agent, method: 'POST', body: `request ${i}` })
      expect(answer.body.toString()).toBe(`request ${i}`)
      expect(answer.reused).toBe(i > 0)
    }
    expect(agent.made).toHaveLength(1)
    expect(serving.sockets.size).toBe(1)
  })

  it('makes a socket a request without keep-alive', async () => {
    await using serving = await serveBy(nets, echo())
    using agent = new PeerAgent(nets, serving.port, { keepAlive: false })
    for (let i = 0; i < 5; i++) expect((await ask({ agent })).headers.connection).toBe('close')
    expect(agent.made).toHaveLength(5)
  })

  it('serves 64 requests at once', async () => {
    await using serving = await serveBy(nets, echo())
    using agent = new PeerAgent(nets, serving.port, { keepAlive: true, maxSockets: 64 })
    const bodies = Array.from({ length: 64 }, () => randomBody(20 * KIB))
    const answers = await Promise.all(bodies.map(body => ask({ agent, method: 'POST', body: Readable.from([body]) })))
    expect(answers.every(({ body }, i) => body.equals(bodies[i] ?? Buffer.alloc(0)))).toBe(true)
    expect(agent.made).toHaveLength(64)
  })

  it('serves 500 requests over 8 sockets', async () => {
    await using serving = await serveBy(nets, echo())
    using agent = new PeerAgent(nets, serving.port, { keepAlive: true, maxSockets: 8 })
    const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => ask({ agent, path: `/${i}` })))
    expect(answers.map(({ headers }) => headers['x-method'])).toEqual(Array.from(answers, (_, i) => `GET /${i}`))
    expect(agent.made).toHaveLength(8)
  })

  it('serves pipelined requests in order', async () => {
    const server = http.createServer((request, response) => {
      // The later ones are ready first.
      setTimeout(() => response.end(`<${request.url}>`), request.url === '/0' ? 30 : 0)
    })
    await using serving = await serveBy(nets, server)
    const socket = nets.client.connect({ port: serving.port })
    const heads = Array.from({ length: 64 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: peer\r\n`)
    socket.write(`${heads.slice(0, -1).join('\r\n')}\r\n${heads.at(-1)}Connection: close\r\n\r\n`)
    const bodies = [...(await textOf(socket)).matchAll(/<(.*)>/g)].map(match => match[1])
    expect(bodies).toEqual(Array.from({ length: 64 }, (_, i) => `/${i}`))
  })

  it('answers a client that has half-closed its socket', async () => {
    const server = http.createServer((_, response) => setTimeout(() => response.end('still here'), 20))
    Object.assign(server, { httpAllowHalfOpen: true })
    await using serving = await serveBy(nets, server, { allowHalfOpen: true })
    const socket = nets.client.connect({ port: serving.port, allowHalfOpen: true })
    socket.end('GET / HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n')
    expect(await textOf(socket)).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*still here$/)
  })

  it('uploads 32 MiB to a server that is slow at first', async () => {
    let digest = ''
    const { promise: go, resolve: letGo } = Promise.withResolvers<void>()
    const server = http.createServer((request, response) => {
      void go.then(async () => {
        digest = await sha256Of(request)
        response.end('done')
      })
    })
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const source = new RandomSource(32 * MIB)
    const answer = ask({ agent, method: 'PUT', body: source.stream })
    expect(await settled('the client waits', () => source.produced)).toBeLessThan(24 * MIB)
    letGo()
    expect((await answer).body.toString()).toBe('done')
    expect(digest).toBe(source.sha256())
  })

  it('downloads 32 MiB to a client that is slow at first', async () => {
    const source = new RandomSource(32 * MIB)
    const server = http.createServer((_, response) => void pipeline(source.stream, response))
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const request = http.get({ agent })
    const [response]: [http.IncomingMessage] = await once(request, 'response').then(([first]) => [first])
    expect(await settled('the server waits', () => source.produced)).toBeLessThan(24 * MIB)
    const digest = await sha256Of(response)
    expect(digest).toBe(source.sha256())
  })
})
