import { createHash } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type KnownPeer, parseKnownPeer } from '../../../src/core/peers.ts'
import { NodeTable } from '../../../src/route/node-table.ts'

let peers: PeerId[] = []

beforeAll(async () => {
  const kinds = Array.from({ length: 60 }, (_, index) => (index % 3 === 0 ? 'secp256k1' : 'Ed25519'))
  const keys = await Promise.all(kinds.map(kind => generateKeyPair(kind as 'Ed25519')))
  // An RSA peer id is a hash, not the key itself.
  const rsa = await generateKeyPair('RSA', 2048)
  peers = [...keys, rsa].map(key => peerIdFromPrivateKey(key))
})

function hashed(bytes: Uint8Array): bigint {
  return BigInt(`0x${createHash('sha256').update(bytes).digest('hex')}`)
}

function distanceOf(request: Uint8Array, peer: PeerId): bigint {
  return hashed(request) ^ hashed(peer.toMultihash().bytes)
}

function idOf({ target }: { target: KnownPeer }): string {
  return target.id.toString()
}

describe('the order of the nodes', () => {
  it('is that of an independent computation for any request, peers and failures', async () => {
    const node = fc.record({ at: fc.nat({ max: 60 }), fails: fc.boolean() })
    const request = fc.uint8Array({ minLength: 1, maxLength: 100 })
    await fc.assert(
      fc.asyncProperty(request, fc.uniqueArray(node, { selector: ({ at }) => at }), async (body, chosen) => {
        const table = new NodeTable()
        for (const { at } of chosen) table.add('/p', parseKnownPeer(peers[at] ?? 'nobody'))
        const failing = new Set(chosen.filter(({ fails }) => fails).map(({ at }) => String(peers[at])))
        for (const each of table.list('/p')) if (failing.has(idOf(each))) each.health.failed(1_000)
        const expected = chosen
          .flatMap(({ at }) => peers[at] ?? [])
          .map(peer => ({ id: peer.toString(), far: distanceOf(body, peer) }))
          .toSorted((a, b) => (a.far < b.far ? -1 : 1))
          .map(({ id }) => id)
        const skipping = [...expected.filter(id => !failing.has(id)), ...expected.filter(id => failing.has(id))]
        expect((await table.closestTo('/p', body, 2_999)).map(idOf)).toEqual(skipping)
        expect((await table.closestTo('/p', body, 3_000)).map(idOf)).toEqual(expected)
      })
    )
  })

  it('does not depend on the order in which they were added, nor on what else the request shares its buffer with', async () => {
    const [one, other] = [new NodeTable(), new NodeTable()]
    for (const peer of peers) one.add('/p', parseKnownPeer(peer))
    for (const peer of peers.toReversed()) other.add('/p', parseKnownPeer(peer))
    const buffer = new Uint8Array(100).fill(7)
    const part = buffer.subarray(40, 60)
    const [a, b] = await Promise.all([one.closestTo('/p', part, 0), other.closestTo('/p', part.slice(), 0)])
    expect(a.map(idOf)).toEqual(b.map(idOf))
    expect(a).toHaveLength(61)
  })
})

describe('a node', () => {
  it('that is added again keeps its health and place, and has the new addresses', () => {
    const table = new NodeTable()
    const [first, second] = peers
    table.add('/p', parseKnownPeer(first ?? ''))
    table.add('/p', parseKnownPeer(second ?? ''))
    table.list('/p')[0]?.health.failed(0)
    const address = multiaddr(`/ip4/127.0.0.1/tcp/4001/p2p/${String(first)}`)
    table.add('/p', parseKnownPeer(address))
    const [again, ...others] = table.list('/p')
    expect(again?.target.dial).toEqual([address])
    expect(again?.health.isSkipped(1)).toBe(true)
    expect(others.map(idOf)).toEqual([String(second)])
  })

  it('that was removed, and is added again, starts anew; of other protocols it is another one', () => {
    const table = new NodeTable()
    const target = parseKnownPeer(peers[0] ?? '')
    table.add('/p', target)
    table.add('/q', target)
    table.list('/p')[0]?.health.failed(0)
    expect(table.list('/q')[0]?.health.isSkipped(1)).toBe(false)
    expect([table.remove('/p', target.id), table.remove('/p', target.id)]).toEqual([true, false])
    table.add('/p', target)
    expect(table.list('/p')[0]?.health.isSkipped(1)).toBe(false)
    table.clear('/p')
    expect([table.list('/p'), table.list('/q').length]).toEqual([[], 1])
    table.clear()
    expect(table.list('/q')).toEqual([])
  })
})
