import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identify, identifyPush } from '@libp2p/identify'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { IdentifyResult, Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHost, loadIdentity } from '../../../src/host/index.ts'
import { Client, dial, listen, Server } from '../../../src/index.ts'
import { addressOf, until } from '../conn/pipes.ts'
import { ourHost } from '../../support/hosts.ts'

const LOOPBACK = ['/ip4/127.0.0.1/tcp/0']

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pointsub-'))
})
afterAll(() => rm(dir, { recursive: true }))

describe('identity', () => {
  it('is made once, kept for its owner only, and the peer id stays', async () => {
    const identity = join(dir, 'new', 'peer.key')
    const ids: string[] = []
    for (let i = 0; i < 2; i++) {
      await using host = await createHost({ identity })
      ids.push(host.peerId.toString())
    }
    expect(ids[0]).toBe(ids[1])
    expect((await stat(identity)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(dir, 'new'))).toEqual(['peer.key'])
  })

  it('is the same for all who start at the same time', async () => {
    const path = join(dir, 'race.key')
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadIdentity(path)))
    const kept = await loadIdentity(path)
    expect(keys.every(key => key.equals(kept))).toBe(true)
  })

  it('is refused when others can read it, or when the file holds something else', async () => {
    const path = join(dir, 'open.key')
    await loadIdentity(path)
    await chmod(path, 0o644)
    await expect(createHost({ identity: path })).rejects.toThrow(/chmod 600/)
    const junk = join(dir, 'junk.key')
    await writeFile(junk, 'not a key', { mode: 0o600 })
    await expect(createHost({ identity: junk })).rejects.toMatchObject({ code: 'ERR_INVALID_CONFIG' })
    expect(await readFile(junk, 'utf8')).toBe('not a key')
  })

  it('may be a key itself, but not both', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    await using host = await createHost({ privateKey })
    expect(host.peerId.publicKey?.equals(privateKey.publicKey)).toBe(true)
    await expect(createHost({ privateKey, identity: join(dir, 'x') })).rejects.toMatchObject({
      code: 'ERR_INVALID_CONFIG'
    })
  })
})

describe('createHost', () => {
  it('refuses options it does not know or that make no sense', async () => {
    // @ts-expect-error a typing mistake
    await expect(createHost({ maxConections: 5 })).rejects.toThrow(/no option "maxConections".*maxConnections/)
    await expect(createHost({ maxConnections: 0 })).rejects.toThrow(/maxConnections must be a whole number from 1/)
    await expect(createHost({ security: [] })).rejects.toMatchObject({ code: 'ERR_INVALID_CONFIG' })
  })

  it('says which address it cannot listen on', async () => {
    await using taken = await ourHost()
    const [address] = taken.getMultiaddrs().map(each => each.toString().replace(/\/p2p\/.*/, ''))
    for (const each of [address ?? '', 'nonsense', '/ip4/127.0.0.1/udp/1/quic-v1']) {
      await expect(createHost({ listen: [each] })).rejects.toMatchObject({
        code: 'ERR_LISTEN_FAILED',
        message: expect.stringContaining(`cannot listen on ${each}: `)
      })
    }
  })

  it('stops at the end of `await using`', async () => {
    let host: Libp2p
    {
      await using inner = await createHost({ listen: LOOPBACK })
      host = inner
      expect(host.status).toBe('started')
    }
    expect(host.status).toBe('stopped')
  })

  it.for([
    ['tls', [tls()]],
    ['noise', [noise()]]
  ] as const)('talks to stock nodes over %s, both directions', async ([name, connectionEncrypters]) => {
    await using own = await ourHost()
    const stock = await createLibp2p({
      addresses: { listen: LOOPBACK },
      transports: [tcp()],
      connectionEncrypters: [...connectionEncrypters],
      streamMuxers: [yamux()]
    })
    for (const [from, to] of [
      [own, stock],
      [stock, own]
    ] as const) {
      const server = new Server(to)
      const client = new Client(from)
      await server.start('/echo/1.0.0', request => request)
      expect([...(await client.send(addressOf(to), '/echo/1.0.0', Uint8Array.of(1, 2)))]).toEqual([1, 2])
      expect(from.getConnections(to.peerId)[0]?.encryption).toBe(`/${name}${name === 'tls' ? '/1.0.0' : ''}`)
      await client.close()
      await server.stop()
      await from.hangUp(to.peerId)
    }
    await stock.stop()
  })

  it('takes 60 inbound connections at once from one address', async () => {
    await using server = await ourHost()
    const clients = await Promise.all(Array.from({ length: 60 }, () => createHost({ addressDialTimeout: 20_000 })))
    const connections = await Promise.all(clients.map(client => client.dial(server.getMultiaddrs())))
    expect(connections.every(connection => connection.status === 'open')).toBe(true)
    await until(() => server.getConnections().length === 60, 'the server has them all')
    await Promise.all(clients.map(client => client[Symbol.asyncDispose]()))
  })

  it('above maxConnections unused connections go, those with open streams stay', async () => {
    await using server = await createHost({ listen: LOOPBACK, maxConnections: 2 })
    const listener = await listen(server, '/keep/1.0.0')
    const peers = await Promise.all(Array.from({ length: 4 }, () => createHost({ listen: LOOPBACK })))
    const [used, alsoUsed, ...unused] = peers
    if (used === undefined || alsoUsed === undefined) throw new Error('no peers')
    const conns = [await dial(used, addressOf(server), '/keep/1.0.0')]
    await listener.accept()
    // Dialling out is not refused at the limit; pruning then has to choose.
    await server.dial(unused.flatMap(peer => peer.getMultiaddrs()).slice(0, 1))
    await until(() => server.getConnections().length <= 2, 'the limit holds')
    for (const peer of unused) await server.dial(peer.getMultiaddrs()).catch(() => {})
    await until(() => server.getConnections().length <= 2, 'the limit holds again')
    expect(server.getConnections(used.peerId)).toHaveLength(1)
    await conns[0]?.write(Uint8Array.of(1))
    expect(conns[0]?.stream.status).toBe('open')
    await Promise.all(peers.map(peer => peer[Symbol.asyncDispose]()))
  })

  it('is told what another one serves as soon as they are connected, and tells it', async () => {
    // Not by a push, which comes a second after a change.
    const quiet = { listen: LOOPBACK, libp2p: { services: { identifyPush: () => ({}) } } }
    await using one = await createHost(quiet)
    await using other = await createHost(quiet)
    await one.handle('/one/1.0.0', () => {})
    await other.handle('/other/1.0.0', () => {})
    const told = Promise.all([nextIdentify(one), nextIdentify(other)])
    await one.dial(other.getMultiaddrs())
    const [byOther, byOne] = await told
    expect(byOther.protocols).toContain('/other/1.0.0')
    expect(byOne.protocols).toContain('/one/1.0.0')
  })

  it('tells a stock peer 300 protocols, at connect and when they are added later', async () => {
    await using own = await ourHost()
    const stock = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), identifyPush: identifyPush() }
    })
    const names = (kind: string): string[] =>
      Array.from({ length: 300 }, (_, i) => `/${kind}/with/a/long/name/${i}/1.0.0`)
    for (const name of names('first')) await own.handle(name, () => {})
    const told = nextIdentify(stock)
    await stock.dial(own.getMultiaddrs())
    expect((await told).protocols).toEqual(expect.arrayContaining(names('first')))

    await until(async () => (await own.peerStore.get(stock.peerId)).protocols.includes('/ipfs/id/push/1.0.0'), 'known')
    const pushed = nextIdentify(stock)
    for (const name of names('second')) await own.handle(name, () => {})
    expect((await pushed).protocols).toEqual(expect.arrayContaining([...names('first'), ...names('second')]))
    await stock.stop()
  })
})

function nextIdentify(node: Libp2p): Promise<IdentifyResult> {
  return new Promise(resolve => node.addEventListener('peer:identify', event => resolve(event.detail), { once: true }))
}
