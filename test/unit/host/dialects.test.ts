import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, MultiaddrConnection, PeerId, Transport, Upgrader } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, it } from 'vitest'
import { Dialects } from '../../../src/host/dialects.ts'
import { withSecondTry } from '../../../src/host/second-try.ts'

/** As much of a connection as is asked for here. */
const connection = (): MultiaddrConnection => Object.create(null)
const newPeer = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

it('what a peer was last found to speak is dialled; unknown peers are dialled with the first', async () => {
  const dialects = new Dialects('libp2p')
  const [one, other] = [await newPeer(), await newPeer()]
  expect(dialects.toDial(connection(), undefined)).toBe('libp2p')
  dialects.learn(one, 'dep2p')
  expect([one, other, undefined].map(peer => dialects.toDial(connection(), peer))).toEqual([
    'dep2p',
    'libp2p',
    'libp2p'
  ])
  dialects.learn(one, 'libp2p')
  expect(dialects.toDial(connection(), one)).toBe('libp2p')
})

it('a second try goes before what is known of the peer', async () => {
  const dialects = new Dialects('libp2p')
  const peer = await newPeer()
  dialects.learn(peer, 'dep2p')
  const second = connection()
  dialects.prefer(second, 'libp2p')
  expect(dialects.toDial(second, peer)).toBe('libp2p')
  expect(dialects.toDial(connection(), peer)).toBe('dep2p')
})

it('remembers 10,000 peers, and forgets those first that were seen longest ago', async () => {
  const dialects = new Dialects('libp2p')
  const known = (id: string): boolean => dialects.toDial(connection(), peer(id)) === 'dep2p'
  // Only what a peer id is written as counts, and making so many keys takes seconds.
  const peer = (id: string): PeerId => Object.assign(Object.create(null), { toString: () => id })
  for (let i = 0; i < 10_000; i += 1) dialects.learn(peer(`${i}`), 'dep2p')
  expect(known('0')).toBe(true)
  dialects.learn(peer('0'), 'dep2p')
  dialects.learn(peer('10000'), 'dep2p')
  expect(['0', '1', '2', '9999', '10000'].map(known)).toEqual([true, false, true, true, true])
  // Those who speak as expected take no room.
  for (let i = 0; i < 20_000; i += 1) dialects.learn(peer(`common ${i}`), 'libp2p')
  expect(known('0')).toBe(true)
})

/** Dials with a transport whose tries all fail in this way; resolves to what each was dialled with. */
async function triesOf(
  fail: (dialects: Dialects, tried: MultiaddrConnection) => void,
  signal: AbortSignal
): Promise<string[]> {
  const dialects = new Dialects('libp2p')
  const tries: string[] = []
  const upgrader: Upgrader = Object.assign(Object.create(null), {
    upgradeOutbound: async (tried: MultiaddrConnection): Promise<Connection> => {
      tries.push(dialects.toDial(tried, undefined))
      fail(dialects, tried)
      throw new Error(`try ${tries.length} fails`)
    }
  })
  const transport: Transport = Object.assign(Object.create(null), {
    dial: async (_: unknown, options: Parameters<Transport['dial']>[1]) =>
      options.upgrader.upgradeOutbound(connection(), { signal: options.signal })
  })
  const create = withSecondTry(() => transport, dialects)
  // The components are for the transport, which needs none.
  const dial = create(Object.create(null)).dial(multiaddr('/ip4/127.0.0.1/tcp/1'), { upgrader, signal })
  const error: unknown = await dial.catch((failure: unknown) => failure)
  expect(error).toMatchObject({ message: `try ${tries.length} fails` })
  return tries
}

const NEVER = new AbortController().signal

it('dials twice when the peer speaks the other dialect, and not a third time', async () => {
  expect(await triesOf((dialects, tried) => dialects.mistook(tried, 'dep2p'), NEVER)).toEqual(['libp2p', 'dep2p'])
})

it('dials once when anything else fails', async () => {
  expect(await triesOf(() => {}, NEVER)).toEqual(['libp2p'])
})

it('dials once when it is aborted before the second try', async () => {
  const ended = new AbortController()
  const abort = (dialects: Dialects, tried: MultiaddrConnection): void => {
    dialects.mistook(tried, 'dep2p')
    ended.abort()
  }
  expect(await triesOf(abort, ended.signal)).toEqual(['libp2p'])
})
