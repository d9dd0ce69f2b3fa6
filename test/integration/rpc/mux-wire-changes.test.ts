import { generateKeyPair } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { describe, expect, it, vi } from 'vitest'
import { Client, Server, type ServerOptions } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, HostPair, ourHost, type TestHost } from '../../support/hosts.ts'
import { watchOffers, wiresOf } from '../../support/mux.ts'
import { MUX } from '../../support/raw-mux.ts'
import { echo, PROTOCOL } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

type Wire = 'auto' | 'plain' | 'mux'

const WIRES: Wire[] = ['auto', 'plain', 'mux']
const HELLO = bytesOf('hello')

/** A node that neither tells what it serves nor learns it of others. */
async function hostWithoutIdentify(): Promise<TestHost> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()]
  })
  return Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
}

async function serve(host: TestHost, options: ServerOptions = {}): Promise<Server> {
  const server = new Server(host, options)
  await server.start(PROTOCOL, echo)
  return server
}

/** The wire that a call to `host` has come over. */
async function wireTo(client: Client, host: TestHost): Promise<string> {
  expect(textOf(await client.send(addressOf(host), PROTOCOL, HELLO))).toBe('hello')
  return wiresOf(client).join(' ')
}

describe('a pinned wire', () => {
  it('of a client, a server or both is the one that both have, or there is none', async () => {
    await using pair = await HostPair.create()
    for (const server of WIRES) {
      await using serving = await serve(pair.server, { wire: server })
      for (const client of WIRES) {
        await using calling = new Client(pair.client, { wire: client, maxRetries: 0 })
        if (client !== server && client !== 'auto' && server !== 'auto') {
          const error = await failureOf(calling.send(pair.address, PROTOCOL, HELLO))
          expect(error).toMatchObject({ code: 'ERR_PROTOCOL_UNSUPPORTED', sent: false, protocol: PROTOCOL })
          expect(wiresOf(calling)).toEqual([])
        } else {
          const wire = client === 'plain' || server === 'plain' ? 'plain' : 'mux'
          expect(await wireTo(calling, pair.server)).toBe(wire)
          expect(serving.getConnectionsInfo().at(-1)?.wire).toBe(wire)
        }
      }
    }
  })
})

describe('without an identify service', () => {
  it.each(['auto', 'plain', 'mux'] as const)('a server (%s) is found by trying, once a connection', async wire => {
    await using here = await hostWithoutIdentify()
    await using there = await hostWithoutIdentify()
    await using _ = await serve(there, { wire })
    await using client = new Client(here, { maxRetries: 0, idleTimeout: 60 })
    const offers = watchOffers(here)
    for (let round = 0; round < 3; round += 1) {
      expect(await wireTo(client, there)).toBe(wire === 'plain' ? 'plain' : 'mux')
      await until(
        'the unused stream is closed',
        () => client.getConnectionsInfo().length,
        streams => streams === 0
      )
    }
    const id = wire === 'plain' ? PROTOCOL : MUX
    expect(offers).toEqual([[MUX, PROTOCOL], [id], [id]])
  })
})

describe('when the Server on a host is replaced', () => {
  const CHANGES: [from: Wire, to: Wire][] = [
    ['mux', 'plain'],
    ['auto', 'plain'],
    ['auto', 'auto'],
    ['plain', 'auto'],
    ['plain', 'mux']
  ]

  it.each(CHANGES)('by another one (%s, then %s) the next calls are answered at once', async (from, to) => {
    await using pair = await HostPair.create()
    await using client = new Client(pair.client, { maxRetries: 0 })
    const first = await serve(pair.server, { wire: from })
    expect(await wireTo(client, pair.server)).toBe(from === 'plain' ? 'plain' : 'mux')
    await first.stop()
    await using _ = await serve(pair.server, { wire: to })
    const texts = Array.from({ length: 20 }, (__, index) => `call ${index}`)
    const answers = await Promise.all(texts.map(text => client.send(pair.address, PROTOCOL, bytesOf(text))))
    expect(answers.map(textOf)).toEqual(texts)
  })

  it('the better wire is used as soon as the peer has told of it', async () => {
    await using pair = await HostPair.create()
    await using client = new Client(pair.client, { maxRetries: 0, idleTimeout: 100 })
    const plain = await serve(pair.server, { wire: 'plain' })
    expect(await wireTo(client, pair.server)).toBe('plain')
    await plain.stop()
    const told = new Promise<void>(resolve => {
      pair.client.addEventListener('peer:identify', ({ detail }) => {
        if (detail.protocols.includes(MUX)) resolve()
      })
    })
    await using _ = await serve(pair.server)
    await told
    await until(
      'the stream of before is closed',
      () => wiresOf(client).join(),
      wires => wires === ''
    )
    expect(await wireTo(client, pair.server)).toBe('mux')
  })

  it('a protocol that is gone is told so, though the peer said that it has it, and found when it is back', async () => {
    await using pair = await HostPair.create()
    await using client = new Client(pair.client, { maxRetries: 0 })
    const told = new Promise(resolve => pair.client.addEventListener('peer:identify', resolve, { once: true }))
    const server = await serve(pair.server)
    await pair.connect()
    await told
    await server.stop()
    for (let round = 0; round < 3; round += 1) {
      const error = await failureOf(client.send(pair.address, PROTOCOL, HELLO))
      expect(error).toMatchObject({ code: 'ERR_PROTOCOL_UNSUPPORTED', sent: false, protocol: PROTOCOL })
    }
    for (const wire of ['plain', 'mux', 'auto'] as const) {
      const again = await serve(pair.server, { wire })
      expect(await wireTo(client, pair.server)).toBe(wire === 'plain' ? 'plain' : 'mux')
      await again.stop()
    }
  })
})

it('a server has the mux wire before the plain one, so that no peer finds that alone and keeps to it', async () => {
  await using host = await ourHost()
  const handle = vi.spyOn(host, 'handle')
  await using _ = await serve(host)
  expect(handle.mock.calls.map(([id]) => id)).toEqual([MUX, PROTOCOL])
})

describe('when the host of a peer is replaced by another of the same identity and port', () => {
  it('the wire follows it down and up again', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    await using here = await ourHost()
    await using client = new Client(here, { maxRetries: 0 })
    let listen = ['/ip4/127.0.0.1/tcp/0']
    for (const wire of ['auto', 'plain', 'mux', 'plain', 'auto'] as const) {
      await using there = await ourHost({ privateKey, listen })
      listen = [addressOf(there).toString().split('/p2p/')[0] ?? '']
      await using server = await serve(there, { wire })
      expect(await wireTo(client, there)).toBe(wire === 'plain' ? 'plain' : 'mux')
      await server.stop()
      await there.stop()
      await until(
        'the connection is lost',
        () => here.getConnections().length,
        connections => connections === 0
      )
    }
  })
})
