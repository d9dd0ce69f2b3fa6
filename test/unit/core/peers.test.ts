import { generateKeyPair } from '@libp2p/crypto/keys'
import { isPeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { PointSubError } from '../../../src/core/errors.ts'
import { type PeerLike, parsePeer } from '../../../src/core/peers.ts'

const ID = '12D3KooWH7MH6RUcU9NUyvpsDnFcGAanqMbr5kGpwvXoPBFAvWqp'
const RELAY = '12D3KooWMvRfMzDQety5qMy1ofw6qswsctAa3aViXtLRCTR3jbMk'
const RSA = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'

/** What `parse` returns; undefined when it says that this names no peer. */
function attempt(parse: () => string | undefined): string | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof PointSubError && error.code === 'ERR_INVALID_PEER') return undefined
    throw error
  }
}

describe('what names a peer', () => {
  it.each(['Ed25519', 'secp256k1', 'RSA'] as const)('is a PeerId of an %s key', async type => {
    const id = peerIdFromPrivateKey(await generateKeyPair(type, 2048))
    expect(parsePeer(id)).toMatchObject({ id, dial: id, name: id.toString() })
  })

  it.each([ID, RSA])('is the text %s', text => {
    const { id, dial } = parsePeer(text)
    expect(id?.toString()).toBe(text)
    expect(dial).toBe(id)
  })

  it('is the text of a peer id as a CID', () => {
    const id = parsePeer(ID).id
    const cid = id?.toCID().toString() ?? ''
    expect(cid).toMatch(/^bafz/)
    expect(parsePeer(cid).id?.toString()).toBe(ID)
  })

  it.each([`/ip4/127.0.0.1/tcp/4001/p2p/${ID}`, `/dns4/example.org/tcp/443/wss/p2p/${ID}`])(
    'is a multiaddr with a peer id, as object and as text: %s',
    text => {
      for (const address of [text, multiaddr(text)]) {
        const { id, dial } = parsePeer(address)
        expect(id?.toString()).toBe(ID)
        expect(dial.toString()).toBe(text)
        expect(isPeerId(dial)).toBe(false)
      }
    }
  )

  it('is a multiaddr without a peer id: the handshake will tell', () => {
    const { id, dial } = parsePeer('/ip4/127.0.0.1/tcp/4001')
    expect(id).toBeUndefined()
    expect(dial.toString()).toBe('/ip4/127.0.0.1/tcp/4001')
  })

  it('is a peer id when the multiaddr has nothing else, for that is no address to dial', () => {
    for (const address of [`/p2p/${ID}`, `/ipfs/${ID}`, multiaddr(`/p2p/${ID}`)]) {
      const { id, dial } = parsePeer(address)
      expect(id?.toString()).toBe(ID)
      expect(isPeerId(dial)).toBe(true)
    }
  })

  it('is the last peer of a relayed address, not the relay', () => {
    const text = `/ip4/127.0.0.1/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${ID}`
    const { id, dial } = parsePeer(text)
    expect(id?.toString()).toBe(ID)
    expect(dial.toString()).toBe(text)
  })

  it('is one peer for a list of its addresses, those without an address to dial left out', () => {
    const addresses = [`/ip4/127.0.0.1/tcp/1/p2p/${ID}`, `/p2p/${ID}`, `/ip4/127.0.0.1/tcp/2/p2p/${ID}`]
    const { id, dial, name } = parsePeer(addresses.map(text => multiaddr(text)))
    expect(id?.toString()).toBe(ID)
    expect(String(dial)).toBe(`${addresses[0]},${addresses[2]}`)
    expect(name).toBe(addresses.join(', '))
  })

  it('is a peer id for a list without an address to dial', () => {
    const { id, dial } = parsePeer([multiaddr(`/p2p/${ID}`)])
    expect(dial).toBe(id)
  })

  it('is not the relay when a relayed address names nobody behind it', () => {
    const address = `/ip4/127.0.0.1/tcp/4001/p2p/${RELAY}/p2p-circuit`
    const id = attempt(() => parsePeer(address).id?.toString())
    expect(id).not.toBe(RELAY)
  })
})

describe('what names no peer', () => {
  const GARBAGE: Record<string, unknown> = {
    'an empty text': '',
    'a word': 'hello',
    'a peer id cut short': ID.slice(0, -1),
    'a peer id with a wrong letter': `${ID.slice(0, -1)}0`,
    'a path': '/',
    'an unknown protocol': '/nowhere/1',
    'an address without a port': '/ip4/127.0.0.1/tcp',
    'an address that is none': '/ip4/300.0.0.1/tcp/1',
    'a peer id of garbage': '/p2p/garbage',
    'an address with a peer id of garbage': '/ip4/127.0.0.1/tcp/1/p2p/garbage',
    'a long text': 'x'.repeat(100_000),
    'a CID of a file': 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
    'a file as a peer': '/p2p/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
    null: null,
    undefined,
    'a number': 5,
    'an object': {},
    'an object without a prototype': Object.create(null),
    bytes: new Uint8Array([1, 2, 3]),
    'a symbol': Symbol('peer'),
    'a function': () => ID,
    'an empty list': [],
    'a list of texts': [`/ip4/127.0.0.1/tcp/1/p2p/${ID}`],
    'a list of different peers': [multiaddr(`/p2p/${ID}`), multiaddr(`/p2p/${RELAY}`)],
    'a list of a peer and an address of nobody': [multiaddr(`/p2p/${ID}`), multiaddr('/ip4/127.0.0.1/tcp/1')]
  }

  it.each(Object.entries(GARBAGE))('is %s: ERR_INVALID_PEER', (_, garbage) => {
    let thrown: unknown
    try {
      parsePeer(garbage as PeerLike)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(PointSubError)
    expect(thrown).toMatchObject({ code: 'ERR_INVALID_PEER' })
  })

  it('is said in a message that does not repeat a text of any length', () => {
    expect(() => parsePeer('x'.repeat(100_000))).toThrow(/^"x{200}" is neither a peer id nor a multiaddr/)
    try {
      parsePeer('x'.repeat(100_000))
    } catch (error) {
      expect(String(error).length).toBeLessThan(1_000)
    }
  })
})
