import { describe, expect, it } from 'vitest'
import type { Wire } from '../../../src/core/wire.ts'
import { Client, Server } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, HostPair, ourHost, type TestHost } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { echo, Gate, PROTOCOL, repeat } from '../../support/rpc.ts'
import { forgetArmedTimers } from '../../support/timers.ts'
import { until } from '../../support/until.ts'
import { WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')
const BACK = '/back/1.0.0'

/** A host with a server of PROTOCOL that signs its answers, and a client. */
class Both implements AsyncDisposable {
  readonly host: TestHost
  readonly client: Client
  readonly server: Server

  private constructor(host: TestHost, wire: Wire) {
    this.host = host
    this.client = new Client(host, { wire, maxRetries: 0 })
    this.server = new Server(host)
  }

  static async create(wire: Wire): Promise<Both> {
    const both = new Both(await ourHost(), wire)
    const name = both.host.peerId.toString()
    await both.server.start(PROTOCOL, request => bytesOf(`${textOf(request)} by ${name}`))
    return both
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
    await this.server.stop({ grace: 0 })
    await this.host.stop()
  }
}

async function connections(...hosts: TestHost[]): Promise<void> {
  await until(
    'each pair has one connection',
    () => hosts.map(host => host.getConnections().length),
    counts => counts.every(count => count === hosts.length - 1)
  )
}

describe.each(WIRES)('one host that is server and client at once, on the %s wire', wire => {
  it('calls many peers that all call it, everybody everybody', async () => {
    forgetArmedTimers()
    const all = await Promise.all(Array.from({ length: 6 }, () => Both.create(wire)))
    // One connection a pair before the calls: two peers that dial each other at once make two.
    for (const [index, { host }] of all.entries()) {
      for (const other of all.slice(index + 1)) await host.dial(addressOf(other.host))
    }
    await connections(...all.map(({ host }) => host))
    await Promise.all(
      all.map(({ client, host }, me) =>
        repeat(200, 16, async index => {
          const other = all[(me + 1 + (index % 5)) % 6]?.host ?? host
          const answer = await client.send(addressOf(other), PROTOCOL, bytesOf(`${me}:${index}`))
          expect(textOf(answer)).toBe(`${me}:${index} by ${other.peerId.toString()}`)
        })
      )
    )
    await connections(...all.map(({ host }) => host))
    for (const { client, server } of all) {
      expect(client.getMetrics()).toMatchObject({ totalRequests: 200, failedRequests: 0, activeRequests: 0 })
      expect(server.getMetrics()).toMatchObject({ totalRequests: 200, failedRequests: 0, activeRequests: 0 })
    }
    await Promise.all(all.map(({ client }) => client.close()))
    await nothingLeft(
      PROTOCOL,
      all.map(({ host }) => host)
    )
    await Promise.all(all.map(both => both[Symbol.asyncDispose]()))
  })

  it('answers within a call it makes: handlers that call the caller back, three deep', async () => {
    await using one = await Both.create(wire)
    await using two = await Both.create(wire)
    const ring = (both: Both, other: Both): Promise<void> =>
      both.server.start(BACK, async request => {
        const depth = request[0] ?? 0
        return depth === 0 ? request : both.client.send(other.host.peerId, BACK, Uint8Array.of(depth - 1))
      })
    await Promise.all([ring(one, two), ring(two, one)])
    await one.host.dial(addressOf(two.host))
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => one.client.send(two.host.peerId, BACK, Uint8Array.of(3)))
    )
    expect(answers.map(([depth]) => depth)).toEqual(answers.map(() => 0))
    expect(one.host.getConnections()).toHaveLength(1)
  })

  it('never asks itself, though it serves what it asks for', async () => {
    await using one = await Both.create(wire)
    await using two = await Both.create(wire)
    expect(await failureOf(one.client.send(one.host.peerId, PROTOCOL, HELLO))).toMatchObject({
      code: 'ERR_DIAL_SELF',
      sent: false
    })
    one.client.addServerNode(PROTOCOL, addressOf(one.host))
    one.client.addServerNode(PROTOCOL, addressOf(two.host))
    for (let index = 0; index < 30; index += 1) {
      const { target } = await one.client.sendClosest(PROTOCOL, bytesOf(`request ${index}`))
      expect(target.equals(two.host.peerId)).toBe(true)
    }
    expect(one.server.getMetrics().totalRequests).toBe(0)
  })
})

describe.each(WIRES)('a peer that cannot be dialled, on the %s wire', wire => {
  it('is called over the connection it opened itself, both ways at once', async () => {
    forgetArmedTimers()
    await using hidden = await ourHost({ listen: [] })
    await using open = await ourHost()
    expect(hidden.getMultiaddrs()).toEqual([])
    await using server = new Server(open)
    await server.start(PROTOCOL, echo)
    await using hiddenServer = new Server(hidden)
    await hiddenServer.start(BACK, echo)
    await using hiddenClient = new Client(hidden, { wire, maxRetries: 0 })
    await using client = new Client(open, { wire, maxRetries: 0 })
    expect(await failureOf(client.send(hidden.peerId, BACK, HELLO))).toMatchObject({
      code: 'ERR_PEER_NOT_FOUND',
      sent: false
    })
    await hiddenClient.send(addressOf(open), PROTOCOL, HELLO)
    await repeat(200, 20, async index => {
      const text = `call ${index}`
      const there = hiddenClient.send(addressOf(open), PROTOCOL, bytesOf(text))
      const back = client.send(hidden.peerId, BACK, bytesOf(text))
      expect((await Promise.all([there, back])).map(textOf)).toEqual([text, text])
    })
    expect([hidden, open].map(host => host.getConnections().length)).toEqual([1, 1])
    client.addServerNode(BACK, hidden.peerId)
    expect((await client.sendClosest(BACK, HELLO)).target.equals(hidden.peerId)).toBe(true)
    await Promise.all([hiddenClient.close(), client.close()])
    await nothingLeft(BACK, [hidden, open])
    await nothingLeft(PROTOCOL, [hidden, open])
  })

  it('is found again whenever it has come back', async () => {
    await using hidden = await ourHost({ listen: [] })
    await using open = await ourHost()
    await using server = new Server(hidden)
    await server.start(BACK, echo)
    await using client = new Client(open, { wire, maxRetries: 0 })
    for (let round = 0; round < 3; round += 1) {
      await hidden.dial(addressOf(open))
      await until(
        'the connection is known',
        () => open.getConnections(hidden.peerId).length,
        count => count === 1
      )
      expect(textOf(await client.send(hidden.peerId, BACK, HELLO))).toBe('hello')
      await hidden.hangUp(open.peerId)
      await until(
        'the connection is gone',
        () => open.getConnections(hidden.peerId).length,
        count => count === 0
      )
      expect(await failureOf(client.send(hidden.peerId, BACK, HELLO))).toMatchObject({ sent: false })
    }
  })

  it('can be called by the handler of its own request', async () => {
    await using hidden = await ourHost({ listen: [] })
    await using open = await Both.create(wire)
    await using hiddenServer = new Server(hidden)
    await hiddenServer.start(BACK, request => bytesOf(`${textOf(request)} and back`))
    await open.server.start('/there', (request, { peer }) => open.client.send(peer, BACK, request))
    await using client = new Client(hidden, { wire })
    expect(textOf(await client.send(addressOf(open.host), '/there', bytesOf('there')))).toBe('there and back')
  })
})

describe.each(WIRES)('two Clients and a Server on one host, on the %s wire', wire => {
  it('do not disturb each other: closing one leaves the calls of the others alone', async () => {
    forgetArmedTimers()
    await using pair = await HostPair.create()
    const gate = new Gate()
    await using far = new Server(pair.server)
    await far.start(PROTOCOL, gate.handler)
    const [one, two] = [new Client(pair.client, { wire }), new Client(pair.client, { wire })]
    await using near = new Server(pair.client)
    await near.start(BACK, gate.handler)
    await using farClient = new Client(pair.server, { wire })
    await pair.connect()
    const ended = Array.from({ length: 10 }, () => failureOf(one.send(pair.address, PROTOCOL, HELLO)))
    const going = Array.from({ length: 10 }, () => two.send(pair.address, PROTOCOL, HELLO))
    const back = Array.from({ length: 10 }, () => farClient.send(pair.client.peerId, BACK, HELLO))
    await gate.reached(30)
    expect([one, two].map(client => client.getConnectionsInfo().length)).toEqual(wire === 'plain' ? [10, 10] : [1, 1])
    await one.close()
    for (const error of await Promise.all(ended)) expect(error.code).toBe('ERR_CLIENT_CLOSED')
    gate.open()
    const answers = await Promise.all([...going, ...back])
    expect(answers.map(textOf)).toEqual(answers.map(() => 'hello'))
    await near.stop()
    const opening = setInterval(() => gate.open(), 1)
    expect(textOf(await two.send(pair.address, PROTOCOL, HELLO))).toBe('hello')
    clearInterval(opening)
    expect(await failureOf(one.send(pair.address, PROTOCOL, HELLO))).toMatchObject({ code: 'ERR_CLIENT_CLOSED' })
    await Promise.all([two.close(), farClient.close()])
    await nothingLeft(PROTOCOL, pair.both)
    await nothingLeft(BACK, pair.both)
  })

  it('that share a dial do not lose it when one of them is closed', async () => {
    await using pair = await HostPair.create()
    await using far = new Server(pair.server)
    await far.start(PROTOCOL, echo)
    const [one, two] = [new Client(pair.client, { wire }), new Client(pair.client, { wire })]
    const ended = failureOf(one.send(pair.address, PROTOCOL, HELLO))
    const going = two.send(pair.address, PROTOCOL, HELLO)
    await one.close()
    expect(await ended).toMatchObject({ code: 'ERR_CLIENT_CLOSED', sent: false })
    expect(textOf(await going)).toBe('hello')
    await two.close()
  })

  it('have each their own nodes, limits and counters', async () => {
    await using pair = await HostPair.create()
    await using far = new Server(pair.server)
    const gate = new Gate()
    await far.start(PROTOCOL, gate.handler)
    await using one = new Client(pair.client, {
      wire,
      maxTotalConns: 1,
      serverProtocols: { [PROTOCOL]: [pair.address] }
    })
    await using two = new Client(pair.client, { wire })
    expect([one, two].map(client => client.hasAvailableNodes(PROTOCOL))).toEqual([true, false])
    const calls = [one, one, two, two].map(client => client.send(pair.address, PROTOCOL, HELLO))
    await gate.reached(wire === 'plain' ? 3 : 4)
    expect([one, two].map(client => client.getConnectionsInfo().length)).toEqual(wire === 'plain' ? [1, 2] : [1, 1])
    const opening = setInterval(() => gate.open(), 1)
    await Promise.all(calls)
    await two.send(pair.address, PROTOCOL, HELLO)
    clearInterval(opening)
    expect([one, two].map(client => client.getMetrics().totalRequests)).toEqual([2, 3])
  })
})

describe('a protocol that is handled already', () => {
  it('by another Server or by the user is a clear error, and what was there stays', async () => {
    await using pair = await HostPair.create()
    await using first = new Server(pair.server)
    await first.start(PROTOCOL, echo)
    await using second = new Server(pair.server)
    await expect(second.start(PROTOCOL, () => bytesOf('second'))).rejects.toMatchObject({
      code: 'ERR_PROTOCOL_EXISTS',
      protocol: PROTOCOL
    })
    await pair.server.handle('/own', stream => void stream.close())
    await expect(second.start('/own', echo)).rejects.toMatchObject({ code: 'ERR_PROTOCOL_EXISTS', protocol: '/own' })
    await second.start(BACK, echo)
    await second.stop()
    expect(pair.server.getProtocols()).toEqual(expect.arrayContaining([PROTOCOL, '/own']))
    expect(pair.server.getProtocols()).not.toContain(BACK)
    await using client = new Client(pair.client)
    expect(textOf(await client.send(pair.address, PROTOCOL, HELLO))).toBe('hello')
  })
})
