import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Multiaddr } from '@multiformats/multiaddr'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { createHost } from '../../../src/host/index.ts'
import type { Dialect } from '../../../src/host/dialects.ts'
import { randomBody } from '../../support/bytes.ts'
import { oneDialectNode } from '../../support/dep2p-listener.ts'
import { addressOf, ourHost, type TestHost } from '../../support/hosts.ts'
import { TcpProxy } from '../../support/tls/proxy.ts'
import { acceptAll, digestOf, open } from '../../support/tls/streams.ts'
import { until } from '../../support/until.ts'

/** Dials, sees that bytes get through, and hangs up. */
async function visit(dialler: TestHost, listener: TestHost, address: Multiaddr): Promise<void> {
  const accepted = await acceptAll(listener)
  const connection = await dialler.dial(address)
  expect(connection.remotePeer.equals(listener.peerId)).toBe(true)
  const { stream } = await open(connection)
  const body = randomBody(1_000)
  stream.send(body)
  await stream.close()
  await until(
    'the stream is accepted',
    () => accepted.length,
    count => count === 1
  )
  expect(await accepted[0]?.all()).toEqual(digestOf(body))
  await listener.unhandle('/test/tls/1.0.0')
  await dialler.hangUp(listener.peerId)
  await until(
    'the listener has hung up',
    () => listener.getConnections().length,
    count => count === 0
  )
}

describe.each<[Dialect, Dialect]>([
  ['libp2p', 'dep2p'],
  ['dep2p', 'libp2p']
])('a host that dials %s first', (first, second) => {
  it(`needs a second connection for a peer that knows ${second} only, and remembers`, async () => {
    await using host = await createHost({ security: ['tls'], dialect: first })
    await using listener = await oneDialectNode(second)
    await using proxy = await TcpProxy.before(addressOf(listener))
    await visit(host, listener, proxy.address(listener.peerId))
    expect(proxy.connections).toBe(2)
    await visit(host, listener, proxy.address(listener.peerId))
    expect(proxy.connections).toBe(3)
  })

  it('finds it without its peer id as well', async () => {
    await using host = await createHost({ security: ['tls'], dialect: first })
    await using listener = await oneDialectNode(second)
    await using proxy = await TcpProxy.before(addressOf(listener))
    await visit(host, listener, proxy.address())
    expect(proxy.connections).toBe(2)
    await visit(host, listener, proxy.address(listener.peerId))
    expect(proxy.connections).toBe(3)
  })

  it(`needs one connection for a peer that knows ${first} only`, async () => {
    await using host = await createHost({ security: ['tls'], dialect: first })
    await using listener = await oneDialectNode(first)
    await using proxy = await TcpProxy.before(addressOf(listener))
    await visit(host, listener, proxy.address(listener.peerId))
    expect(proxy.connections).toBe(1)
  })

  it.each<Dialect>(['libp2p', 'dep2p'])('serves peers who know %s only, and dials them back so', async dialect => {
    await using host = await ourHost({ security: ['tls'], dialect: first })
    await using peer = await oneDialectNode(dialect)
    await visit(peer, host, addressOf(host))
    await using proxy = await TcpProxy.before(addressOf(peer))
    await visit(host, peer, proxy.address(peer.peerId))
    expect(proxy.connections).toBe(1)
  })

  it('finds a peer again that has changed its dialect', async () => {
    await using host = await createHost({ security: ['tls'], dialect: first })
    const privateKey = await generateKeyPair('Ed25519')
    const counts: number[] = []
    for (const dialect of [second, first, second]) {
      await using listener = await oneDialectNode(dialect, privateKey)
      await using proxy = await TcpProxy.before(addressOf(listener))
      await visit(host, listener, proxy.address(listener.peerId))
      await visit(host, listener, proxy.address(listener.peerId))
      counts.push(proxy.connections)
    }
    expect(counts).toEqual([3, 3, 3])
  })

  it('refuses another peer than the one dialled, and learns nothing of either', async () => {
    await using host = await createHost({ security: ['tls'], dialect: first })
    await using listener = await oneDialectNode(second)
    await using proxy = await TcpProxy.before(addressOf(listener))
    const other = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    await expect(host.dial(proxy.address(other))).rejects.toThrow(/expected the peer/)
    expect(proxy.connections).toBe(1)
    await visit(host, listener, proxy.address(listener.peerId))
    expect(proxy.connections).toBe(3)
    await using same = await oneDialectNode(first)
    await expect(
      host.dial(addressOf(same).decapsulate('/p2p').encapsulate(`/p2p/${other.toString()}`))
    ).rejects.toThrow(/expected the peer/)
  })
})

it('a dial that is aborted during its second try ends at once, with nothing left', async () => {
  await using host = await createHost({ security: ['tls'] })
  await using listener = await oneDialectNode('dep2p')
  await using proxy = await TcpProxy.before(addressOf(listener))
  const ended = new AbortController()
  proxy.change = bytes => {
    if (proxy.connections === 2) ended.abort(new Error('enough'))
    return bytes
  }
  await expect(host.dial(proxy.address(), { signal: ended.signal })).rejects.toThrow(/abort|enough/i)
  await until(
    'nothing is left',
    () => [proxy.sockets().length, host.getConnections().length, host.getDialQueue().length],
    counts => counts.every(count => count === 0)
  )
  expect(proxy.connections).toBe(2)
})
