import { expect, test } from 'vitest'
import { Client, type ClientOptions, type PointSubError, Server } from '../src/index.ts'
import { bytes, text } from './bytes.ts'
import { diallingHost, listeningHost } from './hosts.ts'
import { muxSend, overOneMuxLink, send, serve } from './links.ts'
import type { WirePeer } from './peer.ts'

const UPPER = '/upper/1.0.0'
const WIRES = ['plain', 'mux', 'both'] as const

/** What comes of one call: the wire it took, or the error it ended with. */
async function outcome(client: Client, go: WirePeer): Promise<string> {
  try {
    expect(text(await client.send(go.address, UPPER, bytes('hello')))).toBe('HELLO')
  } catch (error) {
    return (error as PointSubError).code
  }
  const wires = new Set(client.getConnectionsInfo().map(({ wire }) => wire))
  return [...wires].join(' and ')
}

/** How our Client is pinned, what Go serves, and what comes of it. */
const CASES: readonly (readonly [NonNullable<ClientOptions['wire']>, (typeof WIRES)[number], string])[] = [
  ['auto', 'plain', 'plain'],
  ['auto', 'mux', 'mux'],
  ['auto', 'both', 'mux'],
  ['plain', 'plain', 'plain'],
  ['plain', 'mux', 'ERR_PROTOCOL_UNSUPPORTED'],
  ['plain', 'both', 'plain'],
  ['mux', 'plain', 'ERR_PROTOCOL_UNSUPPORTED'],
  ['mux', 'mux', 'mux'],
  ['mux', 'both', 'mux']
]

overOneMuxLink(link => {
  test('our client takes the best wire that a Go peer has, or the one it is pinned to', async () => {
    await using plain = await serve(link, { wire: 'plain' })
    await using mux = await serve(link, { wire: 'mux' })
    await using both = await serve(link, { wire: 'both' })
    const peers = { plain, mux, both }
    const outcomes = []
    for (const [wire, kind] of CASES) {
      await using host = await diallingHost(link)
      await using client = new Client(host, { wire, maxRetries: 0 })
      outcomes.push([wire, kind, await outcome(client, peers[kind])])
    }
    expect(outcomes).toEqual(CASES)
  })

  test.each(WIRES)('50 calls at once on a cold connection reach a Go peer that has %s', async wire => {
    await using go = await serve(link, { wire })
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRetries: 0 })
    const requests = Array.from({ length: 50 }, (_, i) => `request ${i}`)
    const answers = await Promise.all(requests.map(request => client.send(go.address, UPPER, bytes(request))))
    expect(answers.map(text)).toEqual(requests.map(request => request.toUpperCase()))
    const used = new Set(client.getConnectionsInfo().map(each => each.wire))
    expect([...used]).toEqual([wire === 'plain' ? 'plain' : 'mux'])
  })

  test('a Go peer that comes back with more wires, or fewer, is called on those', async () => {
    await using host = await diallingHost(link)
    await using client = new Client(host, { retryInterval: 50 })
    const used: string[] = []
    const flags = { identity: 7, port: 0 }
    for (const wire of ['plain', 'both', 'plain', 'mux', 'both']) {
      await using go = await serve(link, { ...flags, wire })
      flags.port = Number(/\/(?:tcp|udp)\/(\d+)/.exec(go.address)?.[1])
      used.push(await outcome(client, go))
      await go.kill()
    }
    expect(used).toEqual(['plain', 'mux', 'plain', 'mux', 'mux'])
  })

  test('a Go client finds the best wire of our server by asking for both', async () => {
    const used = []
    for (const wire of ['plain', 'mux', 'auto'] as const) {
      await using host = await listeningHost(link)
      await using server = new Server(host, { wire })
      await server.start('/echo/1.0.0', request => request)
      await using go = muxSend(link, host, '/echo/1.0.0', { wire: 'auto', size: 100, count: 5 })
      const done = await go.first('done')
      expect(done).toMatchObject({ ok: 5, failed: 0 })
      used.push(done.wire)
    }
    expect(used).toEqual(['plain', 'mux', 'mux'])
  })

  test('our server refuses a Go client that has only the other wire', async () => {
    await using host = await listeningHost(link)
    await using plain = new Server(host, { wire: 'plain' })
    await plain.start('/plain/1.0.0', request => request)
    await using mux = new Server(host, { wire: 'mux' })
    await mux.start('/mux/1.0.0', request => request)
    await using wantsMux = muxSend(link, host, '/plain/1.0.0', { size: 10 })
    await expect(wantsMux.first('done')).rejects.toThrow('protocols not supported')
    await using wantsPlain = send(link, host, '/mux/1.0.0', { size: 10 })
    expect(await wantsPlain.first('done')).toMatchObject({ ok: 0, failed: 1 })
    await using served = send(link, host, '/plain/1.0.0', { size: 10 })
    expect(await served.first('done')).toMatchObject({ ok: 1, failed: 0 })
  })
})
