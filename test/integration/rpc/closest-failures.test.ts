import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { Client, type Handler, type PeerLike, PointSubError } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf } from '../../support/hosts.ts'
import { Peers, type PeersOptions } from '../../support/peers.ts'
import { Gate, PROTOCOL } from '../../support/rpc.ts'
import { SilentServer } from '../../support/silent-server.ts'
import { until, within } from '../../support/until.ts'
import { inFlight, notNow, type PerWire, WIRES } from '../../support/wires.ts'

async function strangerId(): Promise<string> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
}

/** Peers that are all nodes of the client. */
async function nodes(count: number, options: PeersOptions = {}): Promise<Peers> {
  const peers = await Peers.create(count, options)
  for (const host of peers.hosts) peers.client.addServerNode(PROTOCOL, addressOf(host))
  return peers
}

/** A request to which `near` is closer than `far`, as a client with both says that has asked neither yet. */
async function closerTo(near: PeerLike, far: PeerLike, peers: Peers): Promise<Uint8Array> {
  for (let index = 0; ; index += 1) {
    const request = bytesOf(`request ${index}`)
    await using client = new Client(peers.caller, { serverProtocols: { '/none': [near, far] }, maxRetries: 0 })
    const failure = await failureOf(client.sendClosest('/none', request))
    const { errors = [] } = failure.cause instanceof AggregateError ? failure.cause : {}
    const [first] = errors
    if (first instanceof PointSubError && String(near).includes(first.peer ?? 'nobody')) return request
  }
}

const broken: Handler = () => {
  throw notNow()
}
/** What a caller gets of it. */
const BROKEN: PerWire<string> = { plain: 'ERR_NO_RESPONSE', mux: 'ERR_NOT_NOW' }

describe.each(WIRES)('sendClosest that is stopped, on the %s wire,', wire => {
  it.each<[string, (stop: AbortController, peers: Peers) => unknown, string]>([
    ['its signal', controller => controller.abort(), 'ERR_ABORTED'],
    ['close()', (_, peers) => peers.client.close(), 'ERR_CLIENT_CLOSED']
  ])('by %s in the tick it was made says so, with nothing sent', async (_, stop, code) => {
    await using peers = await nodes(2, { wire })
    const controller = new AbortController()
    const call = failureOf(peers.client.sendClosest(PROTOCOL, bytesOf('hello'), { signal: controller.signal }))
    await stop(controller, peers)
    expect(await call).toMatchObject({ code, sent: false, protocol: PROTOCOL })
    expect(peers.asked).toEqual([])
    await peers.nothingLeft()
  })

  it.each<[string, number | undefined, string]>([
    ['its deadline', 50, 'ERR_TIMEOUT'],
    ['its signal', undefined, 'ERR_ABORTED']
  ])('by %s while it waits for a stream says that nothing was sent', async (_, timeout, code) => {
    const gate = new Gate()
    await using peers = await nodes(1, { ...inFlight(wire, 1), handler: () => gate.handler })
    await peers.send(0, new Uint8Array(0))
    peers.asked.length = 0
    const first = peers.send(0, bytesOf('first'))
    await gate.reached(1)
    const { signal, abort } = abortLater(timeout === undefined ? 50 : 10_000)
    const options = timeout === undefined ? { signal } : { timeout }
    const failure = await failureOf(peers.client.sendClosest(PROTOCOL, bytesOf('second'), options))
    abort()
    expect(failure).toMatchObject({ code, sent: false, protocol: PROTOCOL })
    gate.open()
    await first
    expect(peers.asked).toHaveLength(1)
  })

  it.each<[string, number | undefined, string]>([
    ['its signal', undefined, 'ERR_ABORTED'],
    ['its deadline', 500, 'ERR_TIMEOUT']
  ])('by %s at the second node still says that the first may have seen the request', async (_, timeout, code) => {
    await using peers = await nodes(1, { wire, handler: () => broken })
    await using silent = await SilentServer.listen()
    const far = `${silent.address}/p2p/${await strangerId()}`
    const request = await closerTo(peers.host(0).peerId, peerOf(far), peers)
    peers.client.addServerNode(PROTOCOL, far)
    const controller = new AbortController()
    const call = failureOf(peers.client.sendClosest(PROTOCOL, request, { signal: controller.signal, timeout }))
    await until(
      'the second node is dialled',
      () => silent.connections,
      count => count > 0
    )
    if (timeout === undefined) controller.abort()
    expect(await call).toMatchObject({ code, sent: true })
    expect(peers.asked).toHaveLength(1)
  })
})

describe.each(WIRES)('a failing nearest node, on the %s wire,', wire => {
  it('costs no more than its failure: the next one is asked at once', async () => {
    await using peers = await nodes(4, { wire, clientOptions: { maxRetries: 3, retryInterval: 20_000 } })
    const { target } = await peers.client.sendClosest(PROTOCOL, bytesOf('hello'))
    const nearest = peers.hosts.findIndex(host => host.peerId.equals(target))
    await peers.host(nearest).stop()
    peers.asked.length = 0
    const next = await within(5_000, 'the next one', peers.client.sendClosest(PROTOCOL, bytesOf('hello')))
    expect(peers.asked).toEqual([next.target.toString()])
    expect(next.target.equals(target)).toBe(false)
    expect(peers.client.getMetrics()).toMatchObject({ retries: 0, failedRequests: 0, totalRequests: 2 })
  })

  it('is not dialled again while it is passed over', async () => {
    await using peers = await nodes(3, { wire, handler: index => (index === 0 ? broken : request => request) })
    const first = peers.host(0).peerId.toString()
    for (let index = 0; index < 30 || !peers.asked.includes(first); index += 1) {
      await peers.client.sendClosest(PROTOCOL, bytesOf(`request ${index}`))
    }
    expect(peers.asked.filter(id => id === first)).toHaveLength(1)
  })

  it('that may have seen a request that is not idempotent is the last one asked', async () => {
    await using peers = await nodes(3, {
      wire,
      handler: () => broken,
      clientOptions: { maxRetries: 3, retryInterval: 1, idempotent: false }
    })
    const failure = await failureOf(peers.client.sendClosest(PROTOCOL, bytesOf('hello')))
    expect(failure).toMatchObject({ code: BROKEN[wire], sent: true, message: /^1 of 3 nodes failed/ })
    expect(peers.asked).toHaveLength(1)
    await failureOf(peers.client.sendClosest(PROTOCOL, bytesOf('hello'), { idempotent: true }))
    expect(peers.asked).toHaveLength(1 + 3 * 4)
  })

  it('that nothing was sent to does not keep a request that is not idempotent from the next one', async () => {
    await using peers = await nodes(3, { wire, clientOptions: { idempotent: false } })
    const { target } = await peers.client.sendClosest(PROTOCOL, bytesOf('hello'))
    await peers.hosts.find(host => host.peerId.equals(target))?.stop()
    // Before the caller's host has seen it, a request would still be sent.
    const connections = (): number => peers.caller.getConnections(target).length
    await until('the connection is gone', connections, count => count === 0)
    const next = await peers.client.sendClosest(PROTOCOL, bytesOf('hello'))
    expect(peers.asked).toEqual([target.toString(), next.target.toString()])
  })
})

describe.each(WIRES)('retries of sendClosest, on the %s wire,', wire => {
  it('are rounds over all nodes, closest first in each', async () => {
    await using peers = await nodes(3, {
      wire,
      handler: () => broken,
      clientOptions: { maxRetries: 2, retryInterval: 1 }
    })
    const failure = await failureOf(peers.client.sendClosest(PROTOCOL, bytesOf('hello')))
    expect(failure).toMatchObject({ code: BROKEN[wire], sent: true, message: /^3 of 3 nodes failed/ })
    expect(failure.cause).toBeInstanceOf(AggregateError)
    expect(peers.asked).toHaveLength(9)
    const round = peers.asked.slice(0, 3)
    expect(new Set(round).size).toBe(3)
    expect(peers.asked).toEqual([...round, ...round, ...round])
    expect(peers.client.getMetrics()).toMatchObject({ retries: 2, totalRequests: 1, failedRequests: 1 })
  })

  it('find a node that has recovered', async () => {
    let failures = 5
    await using peers = await nodes(3, {
      wire,
      handler: () => request => {
        failures -= 1
        if (failures >= 0) throw notNow()
        return request
      },
      clientOptions: { maxRetries: 2, retryInterval: 1 }
    })
    const { response, target } = await peers.client.sendClosest(PROTOCOL, bytesOf('hello'))
    expect(textOf(response)).toBe('hello')
    expect(peers.asked).toHaveLength(6)
    expect(peers.asked[5]).toBe(target.toString())
  })

  it('ask the nodes that are known by then', async () => {
    await using peers = await nodes(2, {
      wire,
      handler: index => (index === 0 ? broken : request => request),
      clientOptions: { maxRetries: 1, retryInterval: 200 }
    })
    peers.client.removeServerNode(PROTOCOL, peers.host(1).peerId)
    const call = peers.client.sendClosest(PROTOCOL, bytesOf('hello'))
    await until(
      'the only node has failed',
      () => peers.asked.length,
      count => count === 1
    )
    peers.client.addServerNode(PROTOCOL, addressOf(peers.host(1)))
    expect((await call).target.equals(peers.host(1).peerId)).toBe(true)
  })
})

describe('what the nearest node says of a failure on the mux wire', () => {
  it.each<[string, unknown, string, number]>([
    ['nothing: the others are asked', new Error('my own business'), 'ERR_REMOTE', 3],
    ['that it may be tried again: the others are', notNow(), 'ERR_NOT_NOW', 3],
    [
      'that it is final: nobody else is asked',
      new PointSubError('ERR_NO_SUCH_KEY', 'no', { retryable: false }),
      'ERR_NO_SUCH_KEY',
      1
    ]
  ])('is %s', async (_, thrown, code, asked) => {
    const handler: Handler = () => {
      throw thrown
    }
    await using peers = await nodes(3, { wire: 'mux', handler: () => handler })
    expect(await failureOf(peers.client.sendClosest(PROTOCOL, bytesOf('hello')))).toMatchObject({ code, sent: true })
    expect(peers.asked).toHaveLength(asked)
  })
})

/** The peer id at the end of an address. */
function peerOf(address: string): string {
  return address.slice(address.lastIndexOf('/') + 1)
}

function abortLater(milliseconds: number): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), milliseconds)
  return {
    signal: controller.signal,
    abort: () => {
      clearTimeout(timer)
      controller.abort()
    }
  }
}

describe('sendClosest to nodes whose handlers say how they failed', () => {
  const options: PeersOptions = {
    clientOptions: { wire: 'mux', maxRetries: 1, retryInterval: 1 },
    serverOptions: { wire: 'mux' }
  }

  it('is not made again when another try would end the same way', async () => {
    const silent: Handler = () => {
      throw new Error('a secret')
    }
    await using peers = await nodes(2, { ...options, handler: () => silent })
    expect(await failureOf(peers.client.sendClosest(PROTOCOL, bytesOf('hello')))).toMatchObject({
      code: 'ERR_REMOTE',
      remote: true,
      sent: true
    })
    expect(peers.asked).toHaveLength(2)
    expect(peers.client.getMetrics().retries).toBe(0)
  })

  it('waits as long as they say before it is made again, and tells what they said', async () => {
    const busy: Handler = () => {
      throw new PointSubError('ERR_BUSY', 'not now', { retryable: true, retryAfter: 60_000, details: { queue: '7' } })
    }
    await using peers = await nodes(2, { ...options, handler: () => busy })
    // Longer than the call may last, so it fails at once.
    expect(await failureOf(peers.client.sendClosest(PROTOCOL, bytesOf('hello')))).toMatchObject({
      code: 'ERR_BUSY',
      retryable: true,
      retryAfter: 60_000,
      details: { queue: '7' }
    })
    expect(peers.asked).toHaveLength(2)
  })
})
