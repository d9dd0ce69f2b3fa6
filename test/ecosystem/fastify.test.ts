import http from 'node:http'
import fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { MIB } from '../support/bytes.ts'
import { within } from '../support/until.ts'
import { ask, PeerAgent } from './support/http.ts'
import { flavours, type Nets, useNets } from './support/nets.ts'
import { type Serving, serveBy } from './support/serving.ts'
import { RandomSource, sha256Of } from './support/streams.ts'

const json = { 'content-type': 'application/json' }

/** An application whose server is ours: `serverFactory` is what fastify has for it. */
class Application implements AsyncDisposable {
  readonly app: FastifyInstance
  readonly serving: Serving

  private constructor(app: FastifyInstance, serving: Serving) {
    this.app = app
    this.serving = serving
  }

  static async start(nets: Pick<Nets, 'server'>): Promise<Application> {
    const upper = Promise.withResolvers<http.Server>()
    const app = fastify({
      bodyLimit: 100_000,
      serverFactory(handler) {
        const server = http.createServer(handler)
        upper.resolve(server)
        return server
      }
    })
    app.addContentTypeParser('application/octet-stream', (_, payload, done) => done(null, payload))
    app.get('/sum/:a/:b', request => {
      const { a, b } = request.params as { a: string; b: string }
      return { sum: Number(a) + Number(b), from: request.ip }
    })
    const schema = { body: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } } }
    app.post('/echo', { schema }, request => request.body)
    app.put('/upload', { bodyLimit: 64 * MIB }, request => sha256Of(request.body as NodeJS.ReadableStream))
    app.get('/fails', () => Promise.reject(new Error('on purpose')))
    await app.ready()
    return new Application(app, await serveBy(nets, await upper.promise))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.serving[Symbol.asyncDispose]()
    await this.app.close()
  }
}

describe.each(flavours)('fastify over $name', flavour => {
  const nets = useNets(flavour)

  it('routes, validates and answers', async () => {
    await using application = await Application.start(nets)
    using agent = new PeerAgent(nets, application.serving.port, { keepAlive: true })
    const sum = JSON.parse((await ask({ agent, path: '/sum/2/3' })).body.toString())
    expect(sum).toMatchObject({ sum: 5 })
    expect(typeof sum.from).toBe('string')
    const echoed = await ask({ agent, method: 'POST', path: '/echo', headers: json, body: '{"text":"hello"}' })
    expect(echoed.body.toString()).toBe('{"text":"hello"}')
    const refused = await ask({ agent, method: 'POST', path: '/echo', headers: json, body: '{"other":1}' })
    expect(refused.status).toBe(400)
    expect((await ask({ agent, path: '/fails' })).status).toBe(500)
    expect((await ask({ agent, path: '/nowhere' })).status).toBe(404)
  })

  it('serves 64 at once', async () => {
    await using application = await Application.start(nets)
    using agent = new PeerAgent(nets, application.serving.port, { keepAlive: true, maxSockets: 64 })
    const answers = await Promise.all(Array.from({ length: 64 }, (_, i) => ask({ agent, path: `/sum/${i}/1` })))
    expect(answers.map(({ body }) => JSON.parse(body.toString()).sum)).toEqual(answers.map((_, i) => i + 1))
  })

  it('takes an upload as a stream', async () => {
    await using application = await Application.start(nets)
    using agent = new PeerAgent(nets, application.serving.port)
    const source = new RandomSource(8 * MIB)
    const headers = { 'content-type': 'application/octet-stream' }
    const answer = await ask({ agent, method: 'PUT', path: '/upload', headers, body: source.stream })
    expect(answer.body.toString()).toBe(source.sha256())
  })

  it('refuses what is too large', async () => {
    await using application = await Application.start(nets)
    using agent = new PeerAgent(nets, application.serving.port)
    const body = JSON.stringify({ text: 'x'.repeat(100_000) })
    const answer = ask({ agent, method: 'POST', path: '/echo', headers: json, body })
    expect((await within(5_000, 'it answers', answer)).status).toBe(413)
  })
})
