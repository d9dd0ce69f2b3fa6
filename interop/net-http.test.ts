import { once } from 'node:events'
import http from 'node:http'
import { expect, test } from 'vitest'
import { createNet } from '../src/net/index.ts'
import { MIB, randomBody, sha256 } from './bytes.ts'
import { diallingHost, listeningHost } from './hosts.ts'
import { netDial, netListen, overEveryNetLink } from './links.ts'
import { listening } from './socket-events.ts'
import { allStreamsClosed } from './streams.ts'

/** Port 80. */
const HTTP = '/net/80'
const REQUESTS = 5

interface Answer {
  response: http.IncomingMessage
  body: Buffer
}

/** Posts a body and reads the answer meanwhile. */
async function post(options: http.RequestOptions, body: Uint8Array): Promise<Answer> {
  const request = http.request({ method: 'POST', ...options })
  request.end(body)
  const [response]: http.IncomingMessage[] = await once(request, 'response')
  if (response === undefined) throw new Error('no response')
  return { response, body: Buffer.concat(await response.toArray()) }
}

overEveryNetLink(link => {
  test("node:http asks Go's net/http, over sockets that are kept alive", async () => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const net = createNet(host, { resolve: () => go.address })
    const made: unknown[] = []
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    agent.createConnection = ({ port, host: name }) => {
      const socket = net.connect({ port: port ?? 80, host: name ?? 'go' })
      made.push(socket)
      return socket
    }
    for (let i = 0; i < REQUESTS; i++) {
      const body = randomBody(MIB)
      const { response, body: answer } = await post({ agent, host: 'go', path: '/some/path' }, body)
      expect(response).toMatchObject({
        statusCode: 200,
        headers: { 'x-asked': 'POST /some/path', 'x-peer': host.peerId.toString() }
      })
      expect(sha256(answer)).toBe(sha256(body))
    }
    expect(made).toHaveLength(1)
    agent.destroy()
    await allStreamsClosed(host, HTTP)
  })

  test('node:http reads a refusal of Go, which has not read the request', async () => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const net = createNet(host, { resolve: () => go.address })
    const request = http.request({
      method: 'POST',
      path: '/too-large',
      createConnection: () => net.connect(80, 'go')
    })
    // What TCP tells by a reset, a stream may not tell at all: Go lets yamux's window run out.
    request.on('error', () => {})
    request.end(randomBody(32 * MIB))
    const [response]: http.IncomingMessage[] = await once(request, 'response')
    expect(response?.statusCode).toBe(413)
    expect(String(Buffer.concat((await response?.toArray()) ?? []))).toBe('too large\n')
    request.destroy()
  })

  test("Go's net/http asks node:http, over a socket that is kept alive", async () => {
    await using host = await listeningHost(link)
    const handler = http.createServer((request, response) => request.pipe(response))
    let sockets = 0
    await using server = createNet(host).createServer(socket => {
      sockets += 1
      handler.emit('connection', socket)
    })
    await listening(server, HTTP)
    await using go = netDial(link, host, HTTP, 'http', { count: REQUESTS, size: MIB })
    expect(await go.first('done')).toMatchObject({ ok: REQUESTS, failed: 0 })
    expect(go.lines('answer').map(({ len, echo }) => (echo ? len : 'wrong'))).toEqual(Array(REQUESTS).fill(MIB))
    expect(sockets).toBe(1)
    await allStreamsClosed(host, HTTP)
  })
})
