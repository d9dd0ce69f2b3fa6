import { once } from 'node:events'
import http2 from 'node:http2'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { describe, expect, it } from 'vitest'
import { KIB, randomBody } from '../support/bytes.ts'
import { certificateFor } from './support/certificates.ts'
import { ask } from './support/http.ts'
import { flavours, type Nets, useNets } from './support/nets.ts'
import { serveBy } from './support/serving.ts'
import { textOf } from './support/streams.ts'

const NAME = 'peer.test'
const own = await certificateFor(NAME)

/** Node's agent for https, with TLS on sockets of `net`. */
class SecurePeerAgent extends https.Agent {
  readonly #connect: () => Duplex
  made = 0

  constructor({ client }: Pick<Nets, 'client'>, port: number, options: https.AgentOptions = {}) {
    super({ ca: own.cert, servername: NAME, ...options })
    this.#connect = () => client.connect({ port })
  }

  override createConnection(options: https.RequestOptions): Duplex {
    this.made += 1
    return tls.connect({ ...(options as tls.ConnectionOptions), socket: this.#connect() })
  }

  [Symbol.dispose](): void {
    this.destroy()
  }
}

describe.each(flavours)('node:https over $name', flavour => {
  const nets = useNets(flavour)
  const echo = (): https.Server => https.createServer(own, (request, response) => request.pipe(response))

  it('serves requests over kept sockets', async () => {
    await using serving = await serveBy(nets, echo())
    using agent = new SecurePeerAgent(nets, serving.port, { keepAlive: true, maxSockets: 4 })
    const bodies = Array.from({ length: 100 }, () => randomBody(30 * KIB))
    const answers = await Promise.all(
      bodies.map(body => ask({ agent, protocol: 'https:', host: NAME, method: 'POST', body }))
    )
    expect(answers.every(({ body }, i) => body.equals(bodies[i] ?? body.subarray(1)))).toBe(true)
    expect(agent.made).toBe(4)
  })

  it('fails when the certificate is unknown', async () => {
    await using serving = await serveBy(nets, echo())
    using agent = new SecurePeerAgent(nets, serving.port, { ca: [] })
    await expect(ask({ agent, protocol: 'https:', host: NAME })).rejects.toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT'
    })
  })

  it('agrees on HTTP/2', async () => {
    const server = http2.createSecureServer(own, (request, response) => {
      response.end(`${request.httpVersion} ${request.headers[':path']}`)
    })
    await using serving = await serveBy(nets, server)
    const session = http2.connect(`https://${NAME}`, {
      createConnection: () => {
        const socket = nets.client.connect({ port: serving.port })
        return tls.connect({ socket, ca: own.cert, servername: NAME, ALPNProtocols: ['h2'] })
      }
    })
    const texts = await Promise.all(Array.from({ length: 50 }, (_, i) => textOf(session.request({ ':path': `/${i}` }))))
    expect(texts).toEqual(Array.from(texts, (_, i) => `2.0 /${i}`))
    const closed = once(session, 'close')
    session.close()
    await closed
  })
})
