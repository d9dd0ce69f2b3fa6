import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf } from '../../support/hosts.ts'
import { Peers } from '../../support/peers.ts'
import { PROTOCOL, repeat } from '../../support/rpc.ts'
import { SilentServer } from '../../support/silent-server.ts'
import { until, within } from '../../support/until.ts'
import { notNow, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

async function strangers(count: number): Promise<string[]> {
  const keys = await Promise.all(Array.from({ length: count }, () => generateKeyPair('Ed25519')))
  return keys.map(key => peerIdFromPrivateKey(key).toString())
}

describe.each(WIRES)('maxTotalConns on the %s wire', wire => {
  it('leaves no peer without when more peers than streams are kept busy', async () => {
    await using peers = await Peers.create(3, { wire, clientOptions: { maxTotalConns: 2, maxStreamsPerPeer: 1 } })
    const stop = new AbortController()
    const answered = [0, 0]
    const busy = Array.from({ length: 16 }, async (_, index) => {
      while (!stop.signal.aborted) {
        await peers.send(index % 2, HELLO)
        answered[index % 2] = (answered[index % 2] ?? 0) + 1
      }
    })
    await until(
      'two peers are busy',
      () => answered,
      counts => counts.every(count => count > 20)
    )
    const third = await Promise.allSettled([peers.send(2, HELLO, { timeout: 3_000 })])
    stop.abort()
    await Promise.all(busy)
    expect(third[0].status).toBe('fulfilled')
  })

  it('of 10 does not cost one peer with 64 callers a new stream for each call', async () => {
    await using peers = await Peers.create(1, { wire, clientOptions: { maxTotalConns: 10 } })
    await repeat(1_000, 64, async () => {
      await peers.send(0, HELLO)
    })
    expect(peers.accepted).toBeLessThanOrEqual(wire === 'plain' ? 20 : 1)
  })

  it('of 100, the default, does not cost three peers with 64 callers each a new stream for each call', async () => {
    await using peers = await Peers.create(3, { wire })
    await repeat(3_000, 192, async index => {
      await peers.send(index % 3, HELLO)
    })
    expect(peers.accepted).toBeLessThanOrEqual(wire === 'plain' ? 300 : 3)
  })
})

describe.each(WIRES)('peers that cannot be reached, on the %s wire,', wire => {
  it('take no place of maxTotalConns: 100 of them do not hold up a call to a peer that is connected', async () => {
    await using peers = await Peers.create(1, { wire })
    await peers.send(0, HELLO)
    await using silent = await SilentServer.listen()
    const controller = new AbortController()
    const { signal } = controller
    const slow = (await strangers(100)).map(id =>
      failureOf(peers.client.send(`${silent.address}/p2p/${id}`, PROTOCOL, HELLO, { signal }))
    )
    await until(
      'dials are under way',
      () => silent.connections,
      count => count >= 64
    )
    const [outcome] = await Promise.allSettled([within(1_000, 'the call', peers.send(0, HELLO))])
    controller.abort()
    await Promise.all(slow)
    expect(outcome.status).toBe('fulfilled')
  })
})

describe.each(WIRES)('sendClosest on the %s wire', wire => {
  it('tries its nodes again although the last of them can never answer', async () => {
    let calls = 0
    await using peers = await Peers.create(1, {
      wire,
      handler: () => request => {
        calls += 1
        if (calls % 2 === 1) throw notNow()
        return request
      },
      clientOptions: { maxRetries: 1, retryInterval: 10 }
    })
    const [stranger = ''] = await strangers(1)
    peers.client.addServerNode(PROTOCOL, addressOf(peers.host(0)))
    peers.client.addServerNode(PROTOCOL, stranger)
    for (let index = 0; index < 8; index += 1) {
      calls = 0
      const { response } = await peers.client.sendClosest(PROTOCOL, bytesOf(`request ${index}`))
      expect(textOf(response)).toBe(`request ${index}`)
    }
  })
})
