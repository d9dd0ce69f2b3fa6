import { describe, expect, it } from 'vitest'
import type { Handler, Metadata, PointSubError } from '../../../src/index.ts'
import { bytesOf, KIB, randomBody, sameBytes, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { Rpc } from '../../support/rpc.ts'

const HELLO = bytesOf('hello')

/** Sends everything back, the metadata included. */
const mirror: Handler = (request, { metadata, responseMetadata }) => {
  Object.assign(responseMetadata, metadata)
  return request
}

/** A call with metadata: what came back beside the answer. */
async function roundTrip(rpc: Rpc, metadata: Metadata, request: Uint8Array = HELLO): Promise<Metadata> {
  const got: Metadata[] = []
  const answer = await rpc.client.send(rpc.address, '/test/1.0.0', request, {
    metadata,
    onMetadata: each => got.push(each)
  })
  expect(sameBytes(answer, request)).toBe(true)
  expect(got).toHaveLength(1)
  return got[0] ?? {}
}

describe('metadata', () => {
  it('goes to the handler and comes back, beside small and large bodies, whatever the names and texts', async () => {
    await using rpc = await Rpc.create({ wire: 'mux', handler: mirror })
    const sets: Metadata[] = [
      {},
      { a: '' },
      { tenant: 'acme', 'trace-id': '4bf9', 'x.y_z-0': 'ü 🌍 \u0000 \n' },
      { ['n'.repeat(64)]: 'v'.repeat(8_000) },
      Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key-${index}`, `${index}`])),
      // Names that objects have something of by themselves.
      Object.fromEntries(['constructor', 'prototype', 'valueof', 'tojson', 'then'].map(name => [name, name]))
    ]
    for (const request of [HELLO, randomBody(300 * KIB)]) {
      for (const metadata of sets) expect(await roundTrip(rpc, metadata, request)).toEqual(metadata)
    }
    expect(rpc.failures).toEqual([])
  })

  it('of the name __proto__ is a text like any other, and no way into anybody’s prototypes', async () => {
    const seen: Metadata[] = []
    const handler: Handler = (request, { metadata, responseMetadata }) => {
      seen.push(metadata)
      Object.defineProperty(responseMetadata, '__proto__', { value: 'back', enumerable: true })
      return request
    }
    await using rpc = await Rpc.create({ wire: 'mux', handler })
    const metadata = Object.fromEntries([['__proto__', 'polluted']])
    const back = await roundTrip(rpc, metadata)
    expect(Object.entries(seen[0] ?? {})).toEqual([['__proto__', 'polluted']])
    expect(Object.entries(back)).toEqual([['__proto__', 'back']])
    expect(Object.getPrototypeOf(seen[0])).toBe(Object.prototype)
    expect('polluted' in {}).toBe(false)
  })

  it('is each call’s own: 500 at once do not mix', async () => {
    await using rpc = await Rpc.create({ wire: 'mux', handler: mirror })
    const calls = Array.from({ length: 500 }, (_, index) => roundTrip(rpc, { index: String(index) }))
    expect(await Promise.all(calls)).toEqual(calls.map((_, index) => ({ index: String(index) })))
  })

  it.each<[string, unknown]>([
    ['a name with a capital', { Tenant: 'a' }],
    ['a name with a space', { 'a b': 'a' }],
    ['an empty name', { '': 'a' }],
    ['a name of 65 characters', { ['n'.repeat(65)]: 'a' }],
    ['a name outside of ASCII', { ü: 'a' }],
    ['a number for a text', { a: 1 }],
    ['nothing for a text', { a: undefined }],
    ['half a character', { a: '\ud800' }],
    ['more than 8 KiB in one text', { a: 'a'.repeat(8_192) }],
    [
      'more than 8 KiB in all',
      Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`a${index}`, 'a'.repeat(90)]))
    ],
    ['a text instead of names', 'tenant'],
    ['null', null]
  ])('with %s is refused before anything is sent', async (_, metadata) => {
    await using rpc = await Rpc.create({ wire: 'mux', handler: mirror })
    const call = rpc.client.send(rpc.address, '/test/1.0.0', HELLO, { metadata: metadata as Metadata })
    expect(await failureOf(call)).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', sent: false })
    expect(rpc.server.getMetrics().totalRequests).toBe(0)
  })

  it('that a handler fills with what cannot be sent makes its request fail, and no other', async () => {
    const handler: Handler = (request, { responseMetadata }) => {
      if (textOf(request) === 'bad') responseMetadata['No'] = 'a'
      if (textOf(request) === 'big') responseMetadata['a'] = 'a'.repeat(9_000)
      if (textOf(request) === 'odd') Object.assign(responseMetadata, { a: 1 })
      return request
    }
    await using rpc = await Rpc.create({ wire: 'mux', handler })
    const calls = ['bad', 'good', 'big', 'odd', 'fine'].map(text => rpc.send(bytesOf(text)))
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'rejected', 'fulfilled'])
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ remote: true, sent: true })
    }
    expect(rpc.failures.map(({ error }) => error.code)).toEqual(Array.from({ length: 3 }, () => 'ERR_HANDLER_FAILED'))
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 5, failedRequests: 3, activeRequests: 0 })
  })

  it('whose receiver throws fails the call with what that threw, and no other', async () => {
    await using rpc = await Rpc.create({ wire: 'mux', handler: mirror })
    const mine = new RangeError('mine')
    const call = rpc.client.send(rpc.address, '/test/1.0.0', HELLO, {
      onMetadata: () => {
        throw mine
      }
    })
    await expect(call).rejects.toBe(mine)
    expect(await roundTrip(rpc, { a: 'b' })).toEqual({ a: 'b' })
  })

  it('has no place on the plain wire: handlers get none, callers neither', async () => {
    const seen: Metadata[] = []
    const handler: Handler = (request, context) => {
      seen.push(context.metadata)
      return mirror(request, context)
    }
    await using rpc = await Rpc.create({ wire: 'plain', handler })
    const got: Metadata[] = []
    const options = { metadata: { a: 'b' }, onMetadata: (each: Metadata) => got.push(each) }
    expect(textOf(await rpc.client.send(rpc.address, '/test/1.0.0', HELLO, options))).toBe('hello')
    expect(seen).toEqual([{}])
    expect(got.flatMap(Object.keys)).toEqual([])
    const broken: PointSubError = await failureOf(
      rpc.client.send(rpc.address, '/test/1.0.0', HELLO, { metadata: { 'No!': 'a' } })
    )
    expect(broken.code).toBe('ERR_INVALID_ARGUMENT')
  })
})
