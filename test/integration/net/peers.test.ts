import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { dial, listen, PointSubError } from '../../../src/index.ts'
import { createHost } from '../../../src/host/index.ts'
import { createNet, type NetConnectOptions, type Socket, Socket as PlainSocket } from '../../../src/net/index.ts'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { endingOf, NetPair, SOCKET_PROTOCOL } from '../../support/sockets.ts'
import { until, within } from '../../support/until.ts'

async function failureOf(socket: Socket): Promise<NodeJS.ErrnoException & Record<string, unknown>> {
  const [error] = await within(15_000, 'the socket fails', once(socket, 'error'))
  return error
}

describe('a socket and its peer', () => {
  it('know each other by peer id, protocol and connection', async () => {
    await using nets = await NetPair.create()
    const [client, server] = [nets.hosts.client.peerId.toString(), nets.hosts.server.peerId.toString()]
    const { socket, accepted } = await nets.connect(await nets.listen())
    expect(socket.remoteAddress).toBe(server)
    expect(socket.localAddress).toBe(client)
    expect(accepted.remoteAddress).toBe(client)
    expect(accepted.localAddress).toBe(server)
    for (const each of [socket, accepted]) {
      expect(each).toMatchObject({ remoteFamily: 'libp2p', localFamily: 'libp2p', protocol: SOCKET_PROTOCOL })
      expect(each.address()).toMatchObject({ address: each.localAddress, family: 'libp2p', protocol: SOCKET_PROTOCOL })
    }
    expect(socket.remotePeer?.equals(nets.hosts.server.peerId)).toBe(true)
    expect(socket.connection).toBe(nets.hosts.client.getConnections()[0])
    expect(socket.remoteMultiaddr?.toString()).toContain('/tcp/')
    // A protocol that is no port has none; the end that dialled has one as a system would give it, the same on both sides.
    expect(socket.remotePort).toBeUndefined()
    expect(accepted.localPort).toBeUndefined()
    expect(socket.localPort).toBeGreaterThanOrEqual(49_152)
    expect(accepted.remotePort).toBe(socket.localPort)
    socket.destroy()
    await once(accepted, 'close')
    expect(accepted.remoteAddress).toBe(client)
  })

  it('find each other by port as by the protocol it stands for', async () => {
    await using nets = await NetPair.create()
    const server = nets.server.createServer(accepted => accepted.end('hello')).listen(8080)
    await once(server, 'listening')
    expect(server.address()).toEqual({
      address: nets.hosts.server.peerId.toString(),
      family: 'libp2p',
      port: 8080,
      protocol: '/net/8080'
    })
    const peer = nets.peer.toString()
    const ways: NetConnectOptions[] = [
      { port: 8080 },
      { port: '8080', host: 'anything' },
      { port: 8080, host: peer },
      { protocol: '/net/8080', peer: nets.peer },
      { path: '/net/8080', peer: nets.hosts.server.peerId },
      { port: 8080, peer: [nets.peer] },
      // As node:http passes it.
      { port: 8080, protocol: 'http:', path: undefined }
    ]
    for (const way of ways) {
      const socket = nets.client.connect(way)
      expect(String((await once(socket, 'data'))[0])).toBe('hello')
      expect(socket.remotePort).toBe(8080)
      await once(socket, 'close')
    }
    const [byPort, byProtocol] = [nets.client.connect(8080, peer), nets.client.connect('/net/8080', peer)]
    await Promise.all([byPort, byProtocol].map(socket => once(socket.resume(), 'close')))
    await new Promise(resolve => server.close(resolve))
  })

  it('may be made of any Conn', async () => {
    await using nets = await NetPair.create()
    await using listener = await listen(nets.hosts.server, SOCKET_PROTOCOL)
    const [dialled, accepted] = await Promise.all([
      dial(nets.hosts.client, nets.peer, SOCKET_PROTOCOL),
      listener.accept()
    ])
    // What has come before is not lost, nor is an end.
    await dialled.write(Buffer.from('early'))
    const server = PlainSocket.from(accepted, { allowHalfOpen: true })
    const client = nets.client.Socket.from(dialled)
    expect(client).toBeInstanceOf(nets.client.Socket)
    expect(client.localAddress).toBe(nets.hosts.client.peerId.toString())
    expect(String((await once(server, 'data'))[0])).toBe('early')
    client.end()
    await once(server, 'end')
    server.end('late')
    expect(String((await once(client, 'data'))[0])).toBe('late')
    await once(client, 'close')
    await nets.nothingLeft()
  })

  it('of a Conn whose peer has ended and gone reads to the end', async () => {
    await using nets = await NetPair.create()
    await using listener = await listen(nets.hosts.server, SOCKET_PROTOCOL)
    const dialled = await dial(nets.hosts.client, nets.peer, SOCKET_PROTOCOL)
    const conn = await listener.accept()
    await dialled.write(Buffer.from('all'))
    await dialled.close()
    await until(
      'the end has come',
      () => conn.stream.remoteWriteStatus,
      status => status === 'closed'
    )
    const socket = PlainSocket.from(conn)
    expect(await socket.toArray()).toEqual([Buffer.from('all')])
  })

  it('work over a relayed connection', async () => {
    const LISTEN = ['/ip4/127.0.0.1/tcp/0']
    await using relay = await createHost({ listen: LISTEN, libp2p: { services: { relay: circuitRelayServer() } } })
    await using hidden = await createHost({
      listen: [`${addressOf(relay).toString()}/p2p-circuit`],
      transports: [circuitRelayTransport()]
    })
    await using client = await createHost({ transports: [circuitRelayTransport()] })
    await until(
      'the relay has a place for the hidden host',
      () => hidden.getMultiaddrs().length,
      count => count > 0
    )
    const server = createNet(hidden)
      .createServer(socket => socket.pipe(socket))
      .listen(80)
    await once(server, 'listening')
    const socket = createNet(client).connect({ peer: addressOf(hidden), port: 80 })
    socket.end('over the relay')
    expect(String((await once(socket, 'data'))[0])).toBe('over the relay')
    expect(socket.connection?.limits).toBeDefined()
    await once(socket, 'close')
  })

  it('stay open however long nothing is said', async () => {
    await using nets = await NetPair.create()
    const { socket, accepted } = await nets.connect(await nets.listen())
    // No timer of ours is armed for them: nothing could close them.
    expect(nets.leftovers().timers).toEqual([])
    accepted.setTimeout(50)
    await once(accepted, 'timeout')
    expect([socket.destroyed, accepted.destroyed]).toEqual([false, false])
    socket.destroy()
    await once(accepted, 'close')
  })
})

describe('a socket that cannot connect says why, as node:net would', () => {
  it('ENOTFOUND: nobody knows the name, the text is no peer, or no address of the peer is known', async () => {
    await using nets = await NetPair.create({ resolve: name => (name === 'known' ? nets.peer : undefined) })
    const nobody = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
    for (const host of ['unknown', nobody]) {
      const error = await failureOf(nets.client.connect(80, host))
      expect(error).toMatchObject({ code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: host, peer: host })
      expect(error.message).toBe(`getaddrinfo ENOTFOUND ${host}`)
      expect(error.cause).toBeInstanceOf(Error)
    }
    const failing = createNet(nets.hosts.client, { resolve: () => Promise.reject(new Error('no directory')) })
    expect(await failureOf(failing.connect(80))).toMatchObject({
      code: 'ENOTFOUND',
      hostname: 'localhost',
      cause: { message: 'no directory' }
    })
    const bare = createNet(nets.hosts.client)
    expect(String((await failureOf(bare.connect(80))).cause)).toContain('createNet(host, { resolve })')
    expect(await failureOf(bare.connect({ port: 80, peer: 'not a peer' }))).toMatchObject({ code: 'ENOTFOUND' })
  })

  it('ECONNREFUSED: nobody listens, on the protocol or at the address', async () => {
    await using nets = await NetPair.create()
    const peer = nets.hosts.server.peerId.toString()
    await nets.hosts.connect()
    const error = await failureOf(nets.client.connect(81, peer))
    expect(error.message).toBe(`connect ECONNREFUSED ${peer}:81`)
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: peer,
      port: 81,
      peer,
      protocol: '/net/81',
      cause: { name: 'UnsupportedProtocolError' }
    })
    const closed = createTcpServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    const gone = await failureOf(nets.client.connect({ port: 82, peer: `/ip4/127.0.0.1/tcp/${port}` }))
    expect(gone).toMatchObject({ code: 'ECONNREFUSED', protocol: '/net/82' })
  })

  it('ETIMEDOUT: the peer does not answer in time', async () => {
    const silent = createTcpServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    await using host = await ourHost()
    const net = createNet(host, { connectTimeout: 200 })
    const error = await failureOf(net.connect({ port: 80, peer: `/ip4/127.0.0.1/tcp/${port}` }))
    expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect' })
    silent.close()
  })

  it('EADDRNOTAVAIL: the peer is this host', async () => {
    await using host = await ourHost()
    expect(await failureOf(createNet(host).connect({ port: 80, peer: addressOf(host) }))).toMatchObject({
      code: 'EADDRNOTAVAIL',
      cause: { code: 'ERR_DIAL_SELF' }
    })
  })

  it('ENETDOWN: its own host was stopped', async () => {
    const host = await ourHost()
    const net = createNet(host)
    await host.stop()
    expect(await failureOf(net.connect({ port: 80, peer: '/ip4/127.0.0.1/tcp/9' }))).toMatchObject({ code: 'ENETDOWN' })
  })

  it('ABORT_ERR: its signal was aborted, also while the peer is looked up', async () => {
    await using nets = await NetPair.create({ resolve: () => new Promise(() => {}) })
    const controller = new AbortController()
    const socket = nets.client.connect({ port: 80, signal: controller.signal })
    const failed = failureOf(socket)
    controller.abort()
    expect(await failed).toMatchObject({ code: 'ABORT_ERR', name: 'AbortError' })
    await once(socket, 'close')
    expect(socket.connecting).toBe(false)
  })

  it('or at once, when it belongs to no host', () => {
    expect(() => new PlainSocket().connect(80)).toThrow(/createNet\(host\)/)
  })
})

describe('deadlines', () => {
  it('are moments, also before there is a connection', () => {
    expect(() => new PlainSocket().setReadDeadline(Number.NaN)).toThrow(/must be a Date or a number of milliseconds/)
    expect(() => new PlainSocket().setDeadline(new Date('never'))).toThrow(TypeError)
  })

  it('of reading destroy the socket with ETIMEDOUT, unless they are moved', async () => {
    await using nets = await NetPair.create()
    const { socket, accepted } = await nets.connect(await nets.listen())
    accepted.on('error', () => {})
    socket.setReadDeadline(Date.now() + 20)
    socket.setReadDeadline(undefined)
    socket.setReadDeadline(new Date(Date.now() + 100))
    socket.resume()
    const ending = endingOf(socket)
    expect(await ending.closed).toEqual(['error:ETIMEDOUT', 'close:true'])
    expect(socket.errored).toMatchObject({ syscall: 'read', cause: { code: 'ERR_TIMEOUT' } })
    expect(socket.errored).toHaveProperty('cause', expect.any(PointSubError))
  })

  it('of writing fail what waits then and what comes later, set before the connection or after', async () => {
    await using nets = await NetPair.create()
    const server = await nets.listen({ pauseOnConnect: true })
    const early = nets.client.connect({ peer: nets.peer, protocol: SOCKET_PROTOCOL })
    early.setWriteDeadline(Date.now() - 1)
    early.write('too late')
    expect(await endingOf(early).closed).toEqual(['error:ETIMEDOUT', 'close:true'])
    const { socket } = await nets.connect(server)
    const ending = endingOf(socket)
    socket.setDeadline(Date.now() + 50)
    socket.write(new Uint8Array(4 * 1024 * 1024))
    expect(await ending.closed).toEqual(['error:ETIMEDOUT', 'close:true'])
  })
})
