import { once } from 'node:events'
import http2 from 'node:http2'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { KIB, MIB, randomBody } from '../support/bytes.ts'
import { within } from '../support/until.ts'
import { flavours, type Nets, useNets } from './support/nets.ts'
import { type Serving, serveBy } from './support/serving.ts'
import { RandomSource, settled, sha256Of, textOf } from './support/streams.ts'

type OnStream = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void

/** An HTTP/2 server, one session to it. */
class Both implements AsyncDisposable {
  readonly serving: Serving
  readonly session: http2.ClientHttp2Session
  readonly serverSessions: Set<http2.ServerHttp2Session>

  constructor(serving: Serving, session: http2.ClientHttp2Session, serverSessions: Set<http2.ServerHttp2Session>) {
    this.serving = serving
    this.session = session
    this.serverSessions = serverSessions
  }

  static async start(nets: Pick<Nets, 'server' | 'client'>, onStream: OnStream): Promise<Both> {
    const server = http2.createServer()
    const sessions = new Set<http2.ServerHttp2Session>()
    server.on('session', session => {
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
    })
    server.on('stream', onStream)
    const serving = await serveBy(nets, server)
    const session = http2.connect('http://peer.test', {
      createConnection: () => nets.client.connect({ port: serving.port })
    })
    await once(session, 'connect')
    return new Both(serving, session, sessions)
  }

  /** What was sent before has surely been seen once a ping behind it is answered. */
  async roundTrip(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.session.ping(error => (error === null ? resolve() : reject(error)))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.session.destroyed) {
      const closed = once(this.session, 'close')
      this.session.destroy()
      await closed
    }
    await this.serving[Symbol.asyncDispose]()
  }
}

const echo: OnStream = (stream, headers) => {
  stream.respond({ ':status': 200, 'x-path': String(headers[':path']) })
  stream.pipe(stream)
}

async function post(session: http2.ClientHttp2Session, path: string, body: Uint8Array): Promise<[string, Buffer]> {
  const request = session.request({ ':method': 'POST', ':path': path })
  const answered = once(request, 'response')
  request.end(body)
  const [headers] = await answered
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return [headers['x-path'], Buffer.concat(chunks)]
}

describe.each(flavours)('node:http2 over $name', flavour => {
  const nets = useNets(flavour)

  it('carries 200 streams at once', async () => {
    await using both = await Both.start(nets, echo)
    const bodies = Array.from({ length: 200 }, (_, i) => randomBody(i * 100))
    const answers = await Promise.all(bodies.map((body, i) => post(both.session, `/${i}`, body)))
    expect(answers.every(([path, body], i) => path === `/${i}` && body.equals(bodies[i] ?? body))).toBe(true)
    expect(both.serving.sockets.size).toBe(1)
  })

  it('uploads 16 MiB to a server that is slow at first', async () => {
    const { promise: go, resolve: letGo } = Promise.withResolvers<void>()
    let digest = ''
    await using both = await Both.start(nets, stream => {
      void go.then(async () => {
        digest = await sha256Of(stream)
        stream.respond({ ':status': 204 }, { endStream: true })
      })
    })
    const source = new RandomSource(16 * MIB)
    const request = both.session.request({ ':method': 'PUT' })
    const answered = once(request, 'response')
    const sent = pipeline(source.stream, request)
    expect(await settled('the client waits', () => source.produced)).toBeLessThan(8 * MIB)
    letGo()
    expect((await answered)[0][':status']).toBe(204)
    expect(digest).toBe(source.sha256())
    request.resume()
    await sent
  })

  it('downloads 16 MiB, with trailers, beside a small request', async () => {
    const source = new RandomSource(16 * MIB)
    await using both = await Both.start(nets, (stream, headers) => {
      if (headers[':path'] !== '/big') return echo(stream, headers)
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.once('wantTrailers', () => stream.sendTrailers({ 'x-sha256': source.sha256() }))
      source.stream.pipe(stream)
    })
    const big = both.session.request({ ':path': '/big' })
    const trailers = once(big, 'trailers')
    await once(big, 'response')
    const small = randomBody(10 * KIB)
    expect((await post(both.session, '/small', small))[1].equals(small)).toBe(true)
    const digest = await sha256Of(big)
    expect((await trailers)[0]['x-sha256']).toBe(digest)
  })

  it('pushes', async () => {
    await using both = await Both.start(nets, stream => {
      stream.pushStream({ ':path': '/pushed' }, (error, pushed) => {
        if (error !== null) throw error
        pushed.respond({ ':status': 200 })
        pushed.end('unasked')
      })
      stream.respond({ ':status': 200 })
      stream.end('asked')
    })
    const pushed = once(both.session, 'stream')
    const request = both.session.request({ ':path': '/' })
    expect(await textOf(request)).toBe('asked')
    const [stream, headers] = await pushed
    expect(headers[':path']).toBe('/pushed')
    expect(await textOf(stream)).toBe('unasked')
  })

  it('pings', async () => {
    await using both = await Both.start(nets, echo)
    const payload = Buffer.from('8 bytes!')
    const echoed = await new Promise<Buffer>((resolve, reject) => {
      both.session.ping(payload, (error, _, answer) => (error === null ? resolve(answer) : reject(error)))
    })
    expect(echoed.equals(payload)).toBe(true)
  })

  it('cancels one stream of many', async () => {
    await using both = await Both.start(nets, (stream, headers) => {
      stream.on('error', () => {})
      if (headers[':path'] === '/keep') echo(stream, headers)
    })
    const cancelled = both.session.request({ ':path': '/cancelled' })
    const closed = once(cancelled, 'close')
    cancelled.close(http2.constants.NGHTTP2_CANCEL)
    await closed
    expect(cancelled.rstCode).toBe(http2.constants.NGHTTP2_CANCEL)
    expect((await post(both.session, '/keep', Buffer.from('kept')))[1].toString()).toBe('kept')
  })

  it('lets a stream finish after GOAWAY, takes no other, and closes', async () => {
    const { promise: go, resolve: letGo } = Promise.withResolvers<void>()
    await using both = await Both.start(nets, stream => {
      void go.then(() => {
        stream.respond({ ':status': 200 })
        stream.end('finished')
      })
    })
    const request = both.session.request({ ':path': '/' })
    const goaway = once(both.session, 'goaway')
    const closed = once(both.session, 'close')
    await both.roundTrip()
    for (const session of both.serverSessions) session.close()
    await within(5_000, 'GOAWAY', goaway)
    expect(both.session.closed).toBe(true)
    expect(() => both.session.request({ ':path': '/late' })).toThrow(/ERR_HTTP2_GOAWAY_SESSION|GOAWAY/)
    letGo()
    expect(await textOf(request)).toBe('finished')
    await within(5_000, 'the session closes', closed)
  })

  it('fails its streams when the server breaks the socket', async () => {
    await using both = await Both.start(nets, stream => stream.on('error', () => {}))
    const request = both.session.request({ ':path': '/' })
    await both.roundTrip()
    const failures = Promise.all([once(request, 'error'), once(both.session, 'error')])
    for (const socket of both.serving.sockets) socket.resetAndDestroy()
    const codes = (await within(5_000, 'stream and session fail', failures)).map(([error]) => error.code)
    expect(codes).toEqual(['ECONNRESET', 'ECONNRESET'])
    expect(both.session.destroyed).toBe(true)
  })
})
