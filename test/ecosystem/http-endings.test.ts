import { once } from 'node:events'
import http from 'node:http'
import type { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { bytesOf, MIB } from '../support/bytes.ts'
import { until, within } from '../support/until.ts'
import { ask, PeerAgent } from './support/http.ts'
import { flavours, useNets } from './support/nets.ts'
import { serveBy } from './support/serving.ts'
import { RandomSource, textOf } from './support/streams.ts'

/** The error a request ends with. */
async function failureOf(request: http.ClientRequest): Promise<string | undefined> {
  const [error] = await within(5_000, 'the request fails', once(request, 'error'))
  return error.code
}

const never = (): http.Server => http.createServer(() => {})

describe.each(flavours)('how node:http over $name', flavour => {
  const nets = useNets(flavour)

  it('upgrades to another protocol, bytes behind the head included', async () => {
    const server = http.createServer()
    server.on('upgrade', (request, socket: Duplex, head) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n${head.toString()}`)
      expect(request.headers.upgrade).toBe('echo')
      socket.pipe(socket)
    })
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const request = http.request({ agent, headers: { connection: 'upgrade', upgrade: 'echo' } })
    request.end()
    const [response, socket] = await once(request, 'upgrade')
    expect(response.statusCode).toBe(101)
    for (const word of ['one', 'two', 'three']) {
      socket.write(word)
      expect(String((await once(socket, 'data'))[0])).toBe(word)
    }
    const ended = once(socket, 'end')
    socket.end()
    await ended
  })

  it('tunnels with CONNECT', async () => {
    const server = http.createServer()
    server.on('connect', (request, socket: Duplex) => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.end(`to ${request.url}`)
    })
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const request = http.request({ agent, method: 'CONNECT', path: 'somewhere:443' })
    request.end()
    const [response, socket, head] = await once(request, 'connect')
    let text = String(head)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    await once(socket, 'end')
    expect([response.statusCode, text]).toEqual([200, 'to somewhere:443'])
  })

  it('waits for 100-continue', async () => {
    const order: string[] = []
    const server = http.createServer()
    server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
      order.push('asked')
      response.writeContinue()
      request.pipe(response)
    })
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const request = http.request({ agent, method: 'POST', headers: { expect: '100-continue' } })
    request.flushHeaders()
    await once(request, 'continue')
    order.push('allowed')
    request.end('body')
    const [response]: [http.IncomingMessage] = await once(request, 'response').then(([first]) => [first])
    expect(await textOf(response)).toBe('body')
    expect(order).toEqual(['asked', 'allowed'])
  })

  it('tells the server that the client aborted in the middle of the answer', async () => {
    const source = new RandomSource(64 * MIB)
    const { promise: over, resolve } = Promise.withResolvers<[boolean, boolean]>()
    const server = http.createServer((request, response) => {
      source.stream.pipe(response)
      response.once('close', () => resolve([response.writableFinished, request.destroyed]))
    })
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const request = http.get({ agent })
    const [response]: [http.IncomingMessage] = await once(request, 'response').then(([first]) => [first])
    await once(response, 'data')
    response.on('error', () => {})
    request.destroy()
    expect(await within(5_000, 'the server hears of it', over)).toEqual([false, true])
    expect(source.produced).toBeLessThan(64 * MIB)
    source.stream.destroy()
  })

  it('tells the client that the server ended in the middle of the answer', async () => {
    const server = http.createServer((_, response) => {
      response.writeHead(200, { 'content-length': 1000 })
      response.write('not all of it', () => response.destroy())
    })
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const answer = within(5_000, 'the answer fails', ask({ agent }))
    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET', message: 'aborted' })
  })

  it('ends a request the client gave up by signal', async () => {
    await using serving = await serveBy(nets, never())
    using agent = new PeerAgent(nets, serving.port)
    const controller = new AbortController()
    const request = http.get({ agent, signal: controller.signal })
    const failure = failureOf(request)
    await once(serving.server, 'connection')
    controller.abort()
    expect(await failure).toBe('ABORT_ERR')
  })

  it('ends a socket after the timeout of the server', async () => {
    const server = never()
    server.setTimeout(150)
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const start = performance.now()
    expect(await failureOf(http.get({ agent }))).toBe('ECONNRESET')
    expect(performance.now() - start).toBeGreaterThan(140)
  })

  it('tells the timeout of the client', async () => {
    await using serving = await serveBy(nets, never())
    using agent = new PeerAgent(nets, serving.port)
    const request = http.get({ agent, timeout: 150 })
    await within(5_000, 'the timeout', once(request, 'timeout'))
    const failure = failureOf(request)
    request.destroy()
    expect(await failure).toBe('ECONNRESET')
  })

  it('ends an idle keep-alive socket, and the next request makes a new one', async () => {
    const server = http.createServer((_, response) => response.end('ok'))
    server.keepAliveTimeout = 50
    Object.assign(server, { keepAliveTimeoutBuffer: 0 })
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port, { keepAlive: true })
    await ask({ agent })
    const [socket] = agent.made
    if (socket === undefined) throw new Error('no socket')
    await within(5_000, 'the idle socket ends', once(socket, 'close'))
    expect(await ask({ agent })).toMatchObject({ status: 200, reused: false })
    expect(agent.made).toHaveLength(2)
  })

  it('ends when the server closes all connections', async () => {
    let asked = 0
    const server = http.createServer(() => {
      asked += 1
    })
    // An http.Server knows its connections from the moment on that it listens.
    server.emit('listening')
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const failures = Array.from({ length: 8 }, () => failureOf(http.get({ agent })))
    await until(
      'all are asked',
      () => asked,
      all => all === 8
    )
    server.closeAllConnections()
    expect(await Promise.all(failures)).toEqual(Array.from(failures, () => 'ECONNRESET'))
  })

  it('lets a request finish when the server closes, and refuses the next', async () => {
    const { promise: go, resolve: letGo } = Promise.withResolvers<void>()
    const server = http.createServer((_, response) => void go.then(() => response.end('finished')))
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port)
    const answer = ask({ agent })
    await once(server, 'request')
    const closed = once(serving.server, 'close')
    serving.server.close()
    expect(await failureOf(http.get({ agent }))).toBe('ECONNREFUSED')
    letGo()
    expect((await answer).body.toString()).toBe('finished')
    await within(5_000, 'the server is closed', closed)
  })

  it('answers what is no HTTP with 400 and ends the socket', async () => {
    await using serving = await serveBy(nets, never())
    const socket = nets.client.connect({ port: serving.port })
    socket.write(bytesOf('\u0000\u0001nonsense\r\n\r\n'))
    let text = ''
    socket.on('data', chunk => {
      text += chunk.toString()
    })
    await within(5_000, 'the socket closes', once(socket, 'close'))
    expect(text).toMatch(/^HTTP\/1.1 400 Bad Request/)
  })
})
