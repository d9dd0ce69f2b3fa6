import { describe, expect, it } from 'vitest'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, KIB, MIB, randomBody, sameBytes, textOf } from '../../support/bytes.ts'
import { wiresOf } from '../../support/mux.ts'
import { watchMost } from '../../support/peers.ts'
import { Gate, repeat, Rpc } from '../../support/rpc.ts'
import { turn, within } from '../../support/until.ts'

const LARGE = randomBody(4 * MIB)

/** Small requests come back; "large" gets a large answer, and a large request a word. */
const both: Handler = request => {
  if (request.byteLength === LARGE.byteLength) return bytesOf(sameBytes(request, LARGE) ? 'intact' : 'broken')
  return textOf(request) === 'large' ? LARGE : request
}

describe('small calls beside large bodies', () => {
  it.each([
    ['up', LARGE],
    ['down', bytesOf('large')]
  ])('that go %s are answered meanwhile, in hundreds, and nothing is mixed up', async (_, request) => {
    await using rpc = await Rpc.create({ handler: both, wire: 'mux' })
    const order: string[] = []
    const large = Promise.all(
      Array.from({ length: 4 }, async () => {
        const answer = await rpc.send(request)
        order.push('large')
        return answer
      })
    )
    let small = 0
    await repeat(400, 8, async index => {
      const text = `small ${index}`
      expect(textOf(await rpc.send(bytesOf(text)))).toBe(text)
      if (!order.includes('large')) small += 1
    })
    for (const answer of await large) {
      expect(request === LARGE ? textOf(answer) === 'intact' : sameBytes(answer, LARGE)).toBe(true)
    }
    // As many as would never get on if they had to wait for bodies that were sent before.
    expect(small).toBeGreaterThan(20)
    expect(rpc.openStreams).toBe(2)
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('large requests and large answers at once, of every size around the limits, arrive whole', async () => {
    await using rpc = await Rpc.create({ wire: 'mux' })
    const sizes = [0, 1, 64 * KIB, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 512 * KIB, MIB, MIB + 1, 3 * MIB]
    const bodies = sizes.map(size => randomBody(size))
    const answers = await Promise.all(bodies.map(body => rpc.send(body)))
    expect(answers.map((answer, index) => sameBytes(answer, bodies[index] ?? bytesOf('none')))).toEqual(
      sizes.map(() => true)
    )
    expect(rpc.client.getMetrics()).toMatchObject({
      totalRequests: sizes.length,
      failedRequests: 0,
      retries: 0,
      bytesWritten: sizes.reduce((sum, size) => sum + size),
      bytesRead: sizes.reduce((sum, size) => sum + size)
    })
    await rpc.client.close()
    await rpc.nothingLeft()
  })
})

describe('one session', () => {
  it('answers in any order, and a slow handler of one call blocks no other', async () => {
    const waiting = new Map<string, () => void>()
    const handler: Handler = async request => {
      const name = textOf(request)
      if (name.startsWith('slow')) await new Promise<void>(resolve => waiting.set(name, resolve))
      return request
    }
    await using rpc = await Rpc.create({ handler, wire: 'mux' })
    const order: string[] = []
    const call = async (name: string): Promise<void> => {
      order.push(textOf(await rpc.send(bytesOf(name))))
    }
    const slow = ['slow 1', 'slow 2', 'slow 3'].map(call)
    for (let index = 0; index < 100; index += 1) await call('quick')
    expect(order).toEqual(Array.from({ length: 100 }, () => 'quick'))
    for (const name of ['slow 2', 'slow 3', 'slow 1']) {
      waiting.get(name)?.()
      await call('quick')
    }
    await Promise.all(slow)
    expect(order.slice(100).filter(name => name !== 'quick')).toEqual(['slow 2', 'slow 3', 'slow 1'])
    expect(wiresOf(rpc.client)).toEqual(['mux'])
    expect(rpc.openStreams).toBe(1)
  })

  it('has 2,000 calls wait in their order for the places that the peer has', async () => {
    const gate = new Gate()
    const came: string[] = []
    const handler: Handler = (request, context) => {
      came.push(textOf(request))
      return gate.handler(request, context)
    }
    const serverOptions = { maxConcurrentRequestsPerConn: 100 }
    await using rpc = await Rpc.create({ handler, serverOptions, wire: 'mux' })
    // The first one tells the client what the server takes.
    const first = rpc.send(bytesOf('first'))
    await gate.reached(1)
    gate.open()
    await first
    const texts = Array.from({ length: 2_000 }, (_, index) => `call ${index}`)
    const most = watchMost(() => rpc.server.getMetrics().activeRequests)
    const calls = Promise.all(texts.map(text => rpc.send(bytesOf(text))))
    await gate.reached(101)
    expect(came).toEqual(['first', ...texts.slice(0, 100)])
    const opening = setInterval(() => gate.open(), 1)
    const answers = await within(20_000, 'all are answered', calls)
    clearInterval(opening)
    expect(answers.map(textOf)).toEqual(texts)
    expect(came).toEqual(['first', ...texts])
    expect(most.stop()).toBeLessThanOrEqual(100)
    expect(rpc.failures).toEqual([])
    expect(rpc.openStreams).toBe(1)
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('loses none of a burst that comes before the client knows how few the peer takes', async () => {
    const ran = new Map<string, number>()
    const handler: Handler = async request => {
      ran.set(textOf(request), (ran.get(textOf(request)) ?? 0) + 1)
      await turn()
      return request
    }
    const serverOptions = { maxConcurrentRequestsPerConn: 8 }
    const clientOptions = { retryInterval: 10, retryBudget: 200, maxRetries: 3, idempotent: false }
    await using rpc = await Rpc.create({ wire: 'mux', handler, serverOptions, clientOptions })
    const texts = Array.from({ length: 500 }, (_, index) => `call ${index}`)
    const answers = await Promise.all(texts.map(text => rpc.send(bytesOf(text))))
    expect(answers.map(textOf)).toEqual(texts)
    expect(ran).toEqual(new Map(texts.map(text => [text, 1])))
    // What was sent with the HELLO and refused, once each.
    expect(rpc.client.getMetrics().retries).toBeLessThanOrEqual(128 - 8)
    expect(rpc.openStreams).toBe(1)
  })
})
