import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { parsePeer } from '../../../src/core/peers.ts'
import { distance, hashPeer, sha256 } from '../../../src/route/distance.ts'
import { NodeHealth } from '../../../src/route/node-health.ts'
import { NodeTable } from '../../../src/route/node-table.ts'

const go = JSON.parse(readFileSync(new URL('../../vectors/pointsub-v1.1.7.json', import.meta.url), 'utf8'))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function table(ids: string[]): NodeTable {
  const nodes = new NodeTable()
  for (const id of ids) {
    const target = parsePeer(id)
    if (target.id !== undefined) nodes.add('/p', { ...target, id: target.id })
  }
  return nodes
}

const idsOf = (nodes: { target: { id: { toString(): string } } }[]): string[] =>
  nodes.map(({ target }) => target.id.toString())

describe('the closest node', () => {
  it.for(go.closest as { requestHex: string; nearestFirst: { peer: number; distanceHex: string }[] }[])(
    'is the one of real Go for request $requestHex',
    async ({ requestHex, nearestFirst }) => {
      const request = Uint8Array.from(Buffer.from(requestHex, 'hex'))
      const ids: string[] = go.peers.map(({ id }: { id: string }) => id)
      const found = await table(ids).closestTo('/p', request, 0)
      const requestHash = await sha256(request)
      const measured = found.map(async ({ target }) => ({
        peer: ids.indexOf(target.id.toString()),
        distanceHex: hex(distance(requestHash, await hashPeer(target.id)))
      }))
      expect(await Promise.all(measured)).toEqual(nearestFirst)
    }
  )

  it('equals an independent computation for 1,000 random peers', async () => {
    const keys = await Promise.all(Array.from({ length: 1_000 }, () => generateKeyPair('Ed25519')))
    const ids = keys.map(key => peerIdFromPrivateKey(key).toString())
    const request = Buffer.from('some request')
    const number = (bytes: Uint8Array): bigint => BigInt(`0x${createHash('sha256').update(bytes).digest('hex')}`)
    const far = (id: string): bigint => number(request) ^ number(peerIdFromString(id).toMultihash().bytes)
    const byNumber = ids.toSorted((a, b) => (far(a) < far(b) ? -1 : 1))
    expect(idsOf(await table(ids).closestTo('/p', request, 0))).toEqual(byNumber)
  })

  it('comes after the others while it is passed over', async () => {
    const ids: string[] = go.peers.map(({ id }: { id: string }) => id)
    const nodes = table(ids)
    const [first, ...others] = await nodes.closestTo('/p', Buffer.from('hello'), 0)
    first?.health.failed(0)
    expect(idsOf(await nodes.closestTo('/p', Buffer.from('hello'), 1_999))).toEqual(
      idsOf([...others, ...(first === undefined ? [] : [first])])
    )
    expect(idsOf(await nodes.closestTo('/p', Buffer.from('hello'), 2_000))[0]).toBe(first?.target.id.toString())
  })
})

describe('a node that fails', () => {
  it('is passed over for 2, 4, 8 … seconds, at most 15 minutes, until it succeeds', () => {
    const health = new NodeHealth()
    for (const seconds of [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
      health.failed(0)
      expect([health.isSkipped(seconds * 1_000 - 1), health.isSkipped(seconds * 1_000)]).toEqual([true, false])
    }
    health.succeeded()
    expect(health.isSkipped(0)).toBe(false)
    health.failed(0)
    expect(health.isSkipped(2_000)).toBe(false)
  })

  it('is not passed over when more than 95 % of more than 100 requests went well', () => {
    const health = new NodeHealth()
    for (let i = 0; i < 100; i++) health.succeeded()
    health.failed(0)
    expect(health.isSkipped(0)).toBe(false)
    for (let i = 0; i < 5; i++) health.failed(0)
    expect(health.isSkipped(0)).toBe(true)
  })
})
