import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { Client } from '../../../src/index.ts'
import { bytesOf } from '../../support/bytes.ts'
import { ChildPeer } from '../../support/child.ts'
import { ECHO } from '../../support/child-roles.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { Peers } from '../../support/peers.ts'
import { Gate, PROTOCOL } from '../../support/rpc.ts'
import { SilentServer } from '../../support/silent-server.ts'
import { inFlight, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

async function strangers(count: number): Promise<string[]> {
  const keys = await Promise.all(Array.from({ length: count }, () => generateKeyPair('Ed25519')))
  return keys.map(key => peerIdFromPrivateKey(key).toString())
}

describe('peers that cannot be reached', () => {
  it('do not use up the connectTimeout of calls to others that wait in line behind their dials', async () => {
    await using peers = await Peers.create(3, {
      wire: 'auto',
      stockClient: true,
      clientOptions: { maxTotalConns: 1_000, connectTimeout: 1_000, timeout: 10_000 }
    })
    await using silent = await SilentServer.listen()
    const controller = new AbortController()
    const { signal } = controller
    const slow = (await strangers(100)).map(id =>
      failureOf(peers.client.send(`${silent.address}/p2p/${id}`, PROTOCOL, HELLO, { signal }))
    )
    const outcomes = await Promise.allSettled(peers.hosts.map((_, index) => peers.send(index, HELLO)))
    controller.abort()
    await Promise.all(slow)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
  })
})

describe.each(WIRES)('sendClosest on the %s wire', wire => {
  it('does not pass a node over for a deadline that came while the call waited in line here', async () => {
    const gate = new Gate()
    await using peers = await Peers.create(3, { ...inFlight(wire, 1), handler: () => gate.handler })
    for (const host of peers.hosts) peers.client.addServerNode(PROTOCOL, addressOf(host))
    const opening = setInterval(() => gate.open(), 1)
    const { target } = await peers.client.sendClosest(PROTOCOL, HELLO)
    clearInterval(opening)
    const holder = peers.client.send(target, PROTOCOL, HELLO)
    await gate.reached(2)
    const late = failureOf(peers.client.sendClosest(PROTOCOL, HELLO, { timeout: 50 }))
    expect(await late).toMatchObject({ code: 'ERR_TIMEOUT', sent: false })
    const again = setInterval(() => gate.open(), 1)
    await holder
    const next = await peers.client.sendClosest(PROTOCOL, HELLO)
    clearInterval(again)
    expect(next.target.toString()).toBe(target.toString())
  })
})

describe.each(WIRES)('a peer that is frozen, on the %s wire,', wire => {
  it('does not get more streams than maxStreamsPerPeer by calls that give up', async () => {
    await using host = await ourHost()
    await using client = new Client(host, { wire, maxRetries: 0, maxStreamsPerPeer: 8 })
    await using child = await ChildPeer.start({ kind: 'server' })
    for (let round = 0; round < 3; round += 1) await client.send(child.address, ECHO, HELLO)
    child.freeze()
    for (let round = 0; round < 10; round += 1) {
      const calls = Array.from({ length: 8 }, () => failureOf(client.send(child.address, ECHO, HELLO, { timeout: 50 })))
      await Promise.all(calls)
    }
    const streams = host.getConnections().flatMap(connection => connection.streams)
    child.thaw()
    // Identify may have one of its own.
    expect(streams.length).toBeLessThanOrEqual(8 + 1)
  })
})

describe.each(WIRES)('unused streams of the %s wire', wire => {
  it('make room for one more peer at once: 20 calls in turn to 5 peers with 2 places', async () => {
    await using peers = await Peers.create(5, { wire, clientOptions: { maxTotalConns: 2 } })
    const start = performance.now()
    for (let index = 0; index < 20; index += 1) await peers.send(index % 5, HELLO)
    expect(performance.now() - start).toBeLessThan(2_000)
  })
})
