import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import tls from 'node:tls'
import { describe, expect, it } from 'vitest'
import { MIB } from '../support/bytes.ts'
import { within } from '../support/until.ts'
import { certificateFor } from './support/certificates.ts'
import { flavours, useNets } from './support/nets.ts'
import { serve, serveBy } from './support/serving.ts'
import { RandomSource, settled, sha256Of, textOf } from './support/streams.ts'

const NAME = 'peer.test'
const own = await certificateFor(NAME)
const other = await certificateFor(NAME)

describe.each(flavours)('node:tls over $name', flavour => {
  const nets = useNets(flavour)
  const connect = (port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket =>
    tls.connect({ socket: nets.client.connect({ port }), servername: NAME, ca: own.cert, ...options })

  it('encrypts, proves the server, and agrees on a protocol', async () => {
    const server = tls.createServer({ ...own, ALPNProtocols: ['second', 'first'] }, socket => socket.pipe(socket))
    await using serving = await serveBy(nets, server)
    const socket = connect(serving.port, { ALPNProtocols: ['first', 'third'] })
    await once(socket, 'secureConnect')
    expect(socket.authorized).toBe(true)
    expect(socket.alpnProtocol).toBe('first')
    expect(socket.getPeerCertificate().subject.CN).toBe(NAME)
    socket.end('hello')
    expect(await textOf(socket)).toBe('hello')
  })

  it('is a TLSSocket around the accepted socket, too', async () => {
    await using serving = await serve(nets, socket => {
      const secure = new tls.TLSSocket(socket, { isServer: true, ...own })
      secure.pipe(secure)
    })
    const socket = connect(serving.port)
    await once(socket, 'secureConnect')
    expect(socket.getProtocol()).toBe('TLSv1.3')
    socket.end('hello')
    expect(await textOf(socket)).toBe('hello')
  })

  it('speaks TLS 1.2, and resumes a session', async () => {
    const server = tls.createServer({ ...own, maxVersion: 'TLSv1.2' }, socket => socket.pipe(socket))
    await using serving = await serveBy(nets, server)
    const first = connect(serving.port)
    const [session] = await once(first, 'session')
    first.end('one')
    expect(await textOf(first)).toBe('one')
    const second = connect(serving.port, { session })
    await once(second, 'secureConnect')
    expect([second.getProtocol(), second.isSessionReused()]).toEqual(['TLSv1.2', true])
    second.end('two')
    expect(await textOf(second)).toBe('two')
  })

  it('asks for the certificate of the client', async () => {
    const names: string[] = []
    const server = tls.createServer({ ...own, ca: other.cert, requestCert: true }, socket => {
      const { CN } = socket.getPeerCertificate().subject
      names.push(`${String(CN)} ${socket.authorized}`)
      socket.end()
    })
    await using serving = await serveBy(nets, server)
    await textOf(connect(serving.port, other))
    expect(names).toEqual([`${NAME} true`])
  })

  it('transfers 32 MiB up, with backpressure', async () => {
    const { promise: digest, resolve } = Promise.withResolvers<string>()
    const { promise: go, resolve: letGo } = Promise.withResolvers<void>()
    const server = tls.createServer(own, socket => void go.then(() => sha256Of(socket)).then(resolve))
    await using serving = await serveBy(nets, server)
    const source = new RandomSource(32 * MIB)
    const sent = pipeline(source.stream, connect(serving.port))
    expect(await settled('the client waits', () => source.produced)).toBeLessThan(24 * MIB)
    letGo()
    expect(await digest).toBe(source.sha256())
    await sent
  })

  it('transfers 32 MiB down', async () => {
    const source = new RandomSource(32 * MIB)
    const server = tls.createServer(own, socket => void pipeline(source.stream, socket))
    await using serving = await serveBy(nets, server)
    const digest = await sha256Of(connect(serving.port))
    expect(digest).toBe(source.sha256())
  })

  it('refuses a server with another certificate', async () => {
    const server = tls.createServer(other, socket => socket.on('error', () => {}))
    await using serving = await serveBy(nets, server)
    const failed = once(server, 'tlsClientError')
    const [error] = await within(5_000, 'the client refuses', once(connect(serving.port), 'error'))
    expect(error.code).toMatch(/^(DEPTH_ZERO_SELF_SIGNED_CERT|CERT_SIGNATURE_FAILURE)$/)
    await Promise.race([failed, once(server, 'secureConnection')])
  })

  it('refuses a server of another name', async () => {
    const server = tls.createServer(own, socket => socket.on('error', () => {}))
    await using serving = await serveBy(nets, server)
    const [error] = await once(connect(serving.port, { servername: 'other.test' }), 'error')
    expect(error.code).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  })

  it('fails when the other side speaks no TLS', async () => {
    await using serving = await serve(nets, socket => {
      socket.on('error', () => {})
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    const [error] = await within(5_000, 'the handshake fails', once(connect(serving.port), 'error'))
    expect(error.code).toMatch(/^ERR_SSL_/)
  })

  it('fails when the other side ends during the handshake', async () => {
    await using serving = await serve(nets, socket => {
      socket.on('error', () => {})
      socket.destroy()
    })
    const [error] = await within(5_000, 'the handshake fails', once(connect(serving.port), 'error'))
    expect(error.code).toBe('ECONNRESET')
  })
})
