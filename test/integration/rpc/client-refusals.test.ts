import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { type CancelOptions, Client, type PeerLike } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { PROTOCOL, Rpc } from '../../support/rpc.ts'
import { SilentServer } from '../../support/silent-server.ts'
import { until, within } from '../../support/until.ts'
import { type WireOption, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')
const ALL: readonly WireOption[] = [...WIRES, 'auto']

async function strangerId(): Promise<string> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
}

/** A call that must fail without a byte sent and leave nothing; the host must serve the next one. */
async function refused(
  rpc: Rpc,
  expected: { code: string; peer: string; protocol?: string },
  { peer, protocol = PROTOCOL, options }: { peer: PeerLike; protocol?: string; options?: CancelOptions }
): Promise<void> {
  await rpc.pair.connect()
  const before = rpc.leftovers()
  const error = await failureOf(rpc.client.send(peer, protocol, HELLO, options))
  expect(error).toMatchObject({ protocol, ...expected, sent: false })
  await nothingLeft(protocol, rpc.pair.both, before)
  expect(textOf(await rpc.send(HELLO))).toBe('hello')
}

describe('a call is refused, with nothing sent and nothing left, when', () => {
  it.each(['', 'hello', '/nowhere/1', '/ip4/127.0.0.1/tcp/1/p2p/garbage'])(
    'the peer is garbage: %j gives ERR_INVALID_PEER',
    async garbage => {
      await using rpc = await Rpc.create()
      await refused(rpc, { code: 'ERR_INVALID_PEER', peer: garbage }, { peer: garbage })
    }
  )

  it.each<[string, unknown]>([
    ['null', null],
    ['an object', {}],
    ['an object without a prototype', Object.create(null)],
    ['a symbol', Symbol('peer')]
  ])('the peer is %s: ERR_INVALID_PEER', async (_, garbage) => {
    await using rpc = await Rpc.create()
    const error = await failureOf(rpc.client.send(garbage as PeerLike, PROTOCOL, HELLO))
    expect(error).toMatchObject({ code: 'ERR_INVALID_PEER', sent: false, protocol: PROTOCOL })
  })

  it.each<[string, unknown, unknown]>([
    ['the request is a text', PROTOCOL, 'hello'],
    ['the request is missing', PROTOCOL, undefined],
    ['the request is an ArrayBuffer', PROTOCOL, new ArrayBuffer(3)],
    ['the protocol is empty', '', HELLO],
    ['the protocol is no text', 5, HELLO]
  ])('%s: ERR_INVALID_ARGUMENT', async (_, protocol, request) => {
    await using rpc = await Rpc.create()
    const error = await failureOf(rpc.client.send(rpc.address, protocol as string, request as Uint8Array))
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', sent: false })
    await rpc.nothingLeft()
  })

  it.each<[string, unknown]>([
    ['the timeout is negative', { timeout: -1 }],
    ['the timeout is not a number', { timeout: Number.NaN }],
    ['the timeout is a text', { timeout: '5' }],
    ['the signal is no AbortSignal', { signal: {} }]
  ])('%s: ERR_INVALID_ARGUMENT', async (_, options) => {
    await using rpc = await Rpc.create()
    expect(await failureOf(rpc.send(HELLO, options as CancelOptions))).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      sent: false
    })
    await rpc.nothingLeft()
  })

  it.each(['peer id', 'text', 'address', 'address without a peer id'])(
    'the peer is this host itself, named by its %s: ERR_DIAL_SELF',
    async name => {
      await using rpc = await Rpc.create()
      const self = rpc.pair.client
      const [bare = ''] = addressOf(self).toString().split('/p2p/')
      const names: Record<string, PeerLike> = {
        'peer id': self.peerId,
        text: self.peerId.toString(),
        address: addressOf(self),
        'address without a peer id': bare
      }
      const peer = names[name] ?? ''
      const expected = name === 'address without a peer id' ? bare : self.peerId.toString()
      await refused(rpc, { code: 'ERR_DIAL_SELF', peer: expected }, { peer })
    }
  )

  it('no address is known for the peer: ERR_PEER_NOT_FOUND', async () => {
    await using rpc = await Rpc.create()
    const peer = await strangerId()
    await refused(rpc, { code: 'ERR_PEER_NOT_FOUND', peer }, { peer })
  })

  it('nobody listens at the address: ERR_DIAL_FAILED', async () => {
    await using rpc = await Rpc.create()
    const peer = await strangerId()
    await using closed = await SilentServer.listen()
    const address = `${closed.address}/p2p/${peer}`
    await closed[Symbol.asyncDispose]()
    await refused(rpc, { code: 'ERR_DIAL_FAILED', peer }, { peer: address })
  })

  it('somebody else answers at the address: ERR_DIAL_FAILED', async () => {
    await using rpc = await Rpc.create()
    const peer = await strangerId()
    const [bare = ''] = rpc.address.toString().split('/p2p/')
    await refused(rpc, { code: 'ERR_DIAL_FAILED', peer }, { peer: `${bare}/p2p/${peer}` })
  })

  it.each(ALL)('the peer does not speak the protocol: ERR_PROTOCOL_UNSUPPORTED on the wire %s', async wire => {
    await using rpc = await Rpc.create({ wire })
    const protocol = '/test/unknown'
    await refused(rpc, { code: 'ERR_PROTOCOL_UNSUPPORTED', peer: rpc.peer }, { peer: rpc.address, protocol })
  })

  it.each(ALL)(
    '100 at once do not find the protocol: each gets ERR_PROTOCOL_UNSUPPORTED on the wire %s',
    async wire => {
      await using rpc = await Rpc.create({ wire })
      const calls = Array.from({ length: 100 }, () => failureOf(rpc.client.send(rpc.address, '/test/unknown', HELLO)))
      const errors = await within(10_000, '100 refusals', Promise.all(calls))
      expect(new Set(errors.map(({ code, sent }) => `${code} ${String(sent)}`))).toEqual(
        new Set(['ERR_PROTOCOL_UNSUPPORTED false'])
      )
      await nothingLeft('/test/unknown', rpc.pair.both)
    }
  )

  it.each(WIRES)('the request is larger than maxBlockSize: ERR_MESSAGE_TOO_LARGE on the %s wire', async wire => {
    await using rpc = await Rpc.create({ wire, clientOptions: { maxBlockSize: 4 } })
    const error = await failureOf(rpc.send(HELLO))
    expect(error).toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE', sent: false, protocol: PROTOCOL })
    expect(error.message).toBe('a message of 5 bytes cannot be sent; maxBlockSize is 4')
    expect(error.peer).toContain(rpc.peer)
    await rpc.nothingLeft()
  })

  it.each(WIRES)(
    'the signal is aborted already: ERR_ABORTED, with its reason as the cause, on the %s wire',
    async wire => {
      await using rpc = await Rpc.create({ wire })
      const reason = new Error('no longer needed')
      const error = await failureOf(rpc.send(HELLO, { signal: AbortSignal.abort(reason) }))
      expect(error).toMatchObject({ code: 'ERR_ABORTED', sent: false, peer: rpc.peer, cause: reason })
      expect(rpc.pair.client.getConnections()).toEqual([])
      await rpc.nothingLeft()
    }
  )

  it.each(ALL)('the client is closed: ERR_CLIENT_CLOSED on the wire %s', async wire => {
    await using rpc = await Rpc.create({ wire })
    await rpc.client.close()
    expect(await failureOf(rpc.send(HELLO))).toMatchObject({ code: 'ERR_CLIENT_CLOSED', sent: false })
    await rpc.client.close()
    await rpc.nothingLeft()
  })
})

describe('a call that is still dialling', () => {
  const NAMES = ['with a peer id', 'without a peer id']

  async function dialling(
    name: string,
    stop: (controller: AbortController, client: Client) => void | Promise<void>,
    options?: CancelOptions
  ): Promise<{ code: string; sent: boolean | undefined }> {
    await using rpc = await Rpc.create()
    await using silent = await SilentServer.listen()
    const controller = new AbortController()
    await using client = new Client(rpc.pair.client, { connectTimeout: 1_000, maxRetries: 0 })
    const peer = name === 'with a peer id' ? `${silent.address}/p2p/${await strangerId()}` : silent.address
    const before = rpc.leftovers()
    const call = failureOf(client.send(peer, PROTOCOL, HELLO, { signal: controller.signal, ...options }))
    await until(
      'the dial arrives',
      () => silent.connections,
      count => count > 0
    )
    await stop(controller, client)
    const error = await within(3_000, 'the call ends', call)
    await nothingLeft(PROTOCOL, rpc.pair.both, before)
    return error
  }

  it.each(NAMES)('to an address %s can be aborted: ERR_ABORTED', async name => {
    const error = await dialling(name, controller => controller.abort())
    expect(error).toMatchObject({ code: 'ERR_ABORTED', sent: false })
  })

  it.each(NAMES)('to an address %s ends when its time is over: ERR_TIMEOUT', async name => {
    const error = await dialling(name, () => {}, { timeout: 200 })
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', sent: false })
  })

  it.each(NAMES)('to an address %s ends after connectTimeout: ERR_TIMEOUT', async name => {
    const error = await dialling(name, () => {})
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', sent: false })
  })

  it.each(NAMES)('to an address %s ends when the client is closed: ERR_CLIENT_CLOSED', async name => {
    const error = await dialling(name, (_, client) => client.close())
    expect(error).toMatchObject({ code: 'ERR_CLIENT_CLOSED', sent: false })
  })
})
