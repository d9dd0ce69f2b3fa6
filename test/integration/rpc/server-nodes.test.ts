import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client, type ClientOptions, type PeerLike, Server } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, ourHost, type TestHost } from '../../support/hosts.ts'
import { echo, PROTOCOL } from '../../support/rpc.ts'

const HELLO = bytesOf('hello')
const OTHER = '/other/1.0.0'

let caller: TestHost
let one: TestHost
let two: TestHost

beforeAll(async () => {
  ;[caller, one, two] = await Promise.all([ourHost(), ourHost(), ourHost()])
  for (const host of [one, two]) {
    const server = new Server(host)
    await server.start(PROTOCOL, echo)
    await server.start(OTHER, echo)
  }
})

afterAll(async () => {
  await Promise.all([caller, one, two].map(async host => host.stop()))
})

describe('serverProtocols', () => {
  it('is what addServerNode() does for each of its peers, in their order', async () => {
    await using client = new Client(caller, {
      serverProtocols: { [PROTOCOL]: [addressOf(two), addressOf(one).toString()], [OTHER]: [[addressOf(one)]] }
    })
    expect(client.getServerNodes(PROTOCOL).map(String)).toEqual([two, one].map(({ peerId }) => peerId.toString()))
    expect(client.getServerNodes(OTHER).map(String)).toEqual([one.peerId.toString()])
    expect(client.hasAvailableNodes(PROTOCOL)).toBe(true)
    expect(client.hasAvailableNodes('/none')).toBe(false)
    const { response, target } = await client.sendClosest(OTHER, HELLO)
    expect([textOf(response), target.toString()]).toEqual(['hello', one.peerId.toString()])
  })

  it('can be left out, undefined, or without peers', () => {
    for (const options of [{}, { serverProtocols: undefined }, { serverProtocols: { [PROTOCOL]: [] } }]) {
      expect(new Client(caller, options).hasAvailableNodes(PROTOCOL)).toBe(false)
    }
  })

  it('is copied: changing it later changes nothing', () => {
    const peers: PeerLike[] = [addressOf(one)]
    const client = new Client(caller, { serverProtocols: { [PROTOCOL]: peers } })
    peers.push(addressOf(two))
    expect(client.getServerNodes(PROTOCOL)).toHaveLength(1)
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['a number', 5],
    ['a text', '/p'],
    ['a list', [[]]],
    ['an empty list', []],
    ['a function', () => {}],
    ['a peer instead of a list', { '/p': '12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust' }],
    ['null instead of a list', { '/p': null }],
    ['garbage in a list', { '/p': ['garbage'] }],
    ['an address without a peer id', { '/p': ['/ip4/127.0.0.1/tcp/1'] }],
    ['an empty protocol', { '': [] }]
  ])('that is wrong is refused with ERR_INVALID_CONFIG: %s', (_, serverProtocols) => {
    expect(() => new Client(caller, { serverProtocols } as ClientOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_CONFIG',
        message: expect.stringMatching(/^Client: serverProtocols must be lists of peers by protocol/)
      })
    )
  })
})

describe('the nodes of a protocol', () => {
  it.each<unknown>(['', 5, null, undefined])('are not added to the protocol %j: ERR_INVALID_ARGUMENT', protocol => {
    const client = new Client(caller)
    expect(() => client.addServerNode(protocol as string, one.peerId)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' })
    )
  })

  it('are not those of another one', async () => {
    await using client = new Client(caller, { serverProtocols: { [PROTOCOL]: [addressOf(one)] } })
    client.addServerNode(OTHER, addressOf(two))
    expect((await client.sendClosest(PROTOCOL, HELLO)).target.equals(one.peerId)).toBe(true)
    expect((await client.sendClosest(OTHER, HELLO)).target.equals(two.peerId)).toBe(true)
    client.clearServerNodes(PROTOCOL)
    expect(client.getServerNodes(PROTOCOL)).toEqual([])
    expect(client.getServerNodes(OTHER)).toHaveLength(1)
    expect(await failureOf(client.sendClosest(PROTOCOL, HELLO))).toMatchObject({ code: 'ERR_NO_NODES', sent: false })
  })

  it('are left alone by the list that tells them', () => {
    const client = new Client(caller, { serverProtocols: { [PROTOCOL]: [addressOf(one)] } })
    client.getServerNodes(PROTOCOL).pop()
    expect(client.getServerNodes(PROTOCOL)).toHaveLength(1)
  })

  it('without the own peer may be none: it is never asked', async () => {
    await using server = new Server(caller)
    await server.start(PROTOCOL, echo)
    await using client = new Client(caller, { serverProtocols: { [PROTOCOL]: [caller.peerId] } })
    expect(client.hasAvailableNodes(PROTOCOL)).toBe(false)
    expect(await failureOf(client.sendClosest(PROTOCOL, HELLO))).toMatchObject({ code: 'ERR_NO_NODES', sent: false })
    client.addServerNode(PROTOCOL, addressOf(one))
    for (let index = 0; index < 20; index += 1) {
      const { target } = await client.sendClosest(PROTOCOL, bytesOf(`request ${index}`))
      expect(target.equals(one.peerId)).toBe(true)
    }
  })
})

describe('sendClosest is refused, with nothing sent, for', () => {
  it.each<[string, string, (client: Client) => Promise<unknown>]>([
    ['an empty request', 'ERR_INVALID_ARGUMENT', client => client.sendClosest(PROTOCOL, new Uint8Array(0))],
    ['a text', 'ERR_INVALID_ARGUMENT', client => client.sendClosest(PROTOCOL, 'hello' as never)],
    ['garbage in exclude', 'ERR_INVALID_PEER', client => client.sendClosest(PROTOCOL, HELLO, { exclude: ['x'] })],
    [
      'an exclude that is no list',
      'ERR_INVALID_ARGUMENT',
      client => client.sendClosest(PROTOCOL, HELLO, { exclude: one.peerId as never })
    ],
    ['a bad timeout', 'ERR_INVALID_ARGUMENT', client => client.sendClosest(PROTOCOL, HELLO, { timeout: -1 })],
    [
      'a bad idempotent',
      'ERR_INVALID_ARGUMENT',
      client => client.sendClosest(PROTOCOL, HELLO, { idempotent: 1 as never })
    ],
    [
      'an aborted signal',
      'ERR_ABORTED',
      client => client.sendClosest(PROTOCOL, HELLO, { signal: AbortSignal.abort() })
    ],
    [
      'nodes that are all excluded',
      'ERR_NO_NODES',
      client => client.sendClosest(PROTOCOL, HELLO, { exclude: [one.peerId] })
    ],
    [
      'a client that was closed',
      'ERR_CLIENT_CLOSED',
      async client => {
        await client.close()
        return client.sendClosest(PROTOCOL, HELLO)
      }
    ]
  ])('%s: %s', async (_, code, call) => {
    await using client = new Client(caller, { serverProtocols: { [PROTOCOL]: [addressOf(one)] } })
    expect(await failureOf(call(client))).toMatchObject({ code, sent: false, protocol: PROTOCOL })
    expect(client.getMetrics()).toMatchObject({ failedRequests: 1, activeRequests: 0, retries: 0 })
  })
})
