import { expect, test } from 'vitest'
import { Client, Server } from '../src/index.ts'
import { bytes, text } from './bytes.ts'
import { type Host, listeningHost } from './hosts.ts'
import { type Link, muxSend, overOneMuxLink, send, serve } from './links.ts'
import type { WirePeer } from './peer.ts'

const ECHO = '/echo/1.0.0'

/** One of ours: a host that serves and calls. */
class Ours implements AsyncDisposable {
  readonly kind: 'auto' | 'plain'
  readonly host: Host
  readonly client: Client
  readonly server: Server
  served = 0

  constructor(kind: 'auto' | 'plain', host: Host) {
    this.kind = kind
    this.host = host
    this.client = new Client(host, { wire: kind, maxRetries: 0 })
    this.server = new Server(host, { wire: kind })
  }

  static async start(link: Link, kind: 'auto' | 'plain'): Promise<Ours> {
    const ours = new Ours(kind, await listeningHost(link))
    await ours.server.start(ECHO, request => {
      ours.served += 1
      return request
    })
    return ours
  }

  get hasMux(): boolean {
    return this.kind === 'auto'
  }

  /** The wires of the streams it has opened to a peer. */
  wiresTo(peer: string): string[] {
    const streams = this.client.getConnectionsInfo().filter(info => info.peer.toString() === peer)
    return [...new Set(streams.map(({ wire }) => wire))]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.client.close(), this.server.stop({ grace: 0 })])
    await this.host.stop()
  }
}

/** Somebody to call, and whether it has the mux wire. */
interface Callee {
  name: string
  id: string
  address: string
  hasMux: boolean
}

function calleeOf(peer: Ours | WirePeer, name: string): Callee {
  if (peer instanceof Ours) {
    const address = peer.host.getMultiaddrs()[0]?.toString() ?? ''
    return { name, id: peer.host.peerId.toString(), address, hasMux: peer.hasMux }
  }
  const [, id = ''] = peer.address.split('/p2p/')
  return { name, id, address: peer.address, hasMux: name.includes('mux') }
}

/** Calls of one of ours to somebody else, some of them at once; the wire they took. */
async function call(caller: Ours, callee: Callee): Promise<string[]> {
  const requests = Array.from({ length: 5 }, (_, i) => `${caller.host.peerId.toString()} to ${callee.name}, ${i}`)
  const answers = await Promise.all(requests.map(request => caller.client.send(callee.address, ECHO, bytes(request))))
  expect(answers.map(text)).toEqual(requests)
  return caller.wiresTo(callee.id)
}

overOneMuxLink(link => {
  test('on one network of our peers, pinned to the plain wire or not, and Go peers with either wire, every pair works', async () => {
    await using one = await Ours.start(link, 'auto')
    await using other = await Ours.start(link, 'auto')
    await using pinned = await Ours.start(link, 'plain')
    await using pinnedToo = await Ours.start(link, 'plain')
    await using goPlain = await serve(link)
    await using goOld = await serve(link, { mode: 'one' })
    await using goMux = await serve(link, { wire: 'both' })
    await using goBoth = await serve(link, { wire: 'both' })
    const ours = [one, other, pinned, pinnedToo]
    const callees = [
      ...ours.map((peer, i) => calleeOf(peer, `ours ${i}, ${peer.kind}`)),
      calleeOf(goPlain, 'Go, plain'),
      calleeOf(goOld, 'Go, plain, one request a stream'),
      calleeOf(goMux, 'Go, mux'),
      calleeOf(goBoth, 'Go, mux, another')
    ]

    const pairs = ours.flatMap(caller =>
      callees.filter(({ id }) => id !== caller.host.peerId.toString()).map(callee => ({ caller, callee }))
    )
    const taken = await Promise.all(
      pairs.map(async ({ caller, callee }) => ({ wires: await call(caller, callee), callee, caller }))
    )
    expect(taken).toHaveLength(28)
    for (const { wires, caller, callee } of taken) {
      // A stream of old Go ends with its answer.
      const expected = caller.hasMux && callee.hasMux ? 'mux' : 'plain'
      if (!callee.name.includes('one request')) expect(wires, `${caller.kind} to ${callee.name}`).toEqual([expected])
    }

    const served = ours.map(peer => peer.served)
    for (const peer of ours) {
      await using plain = send(link, peer.host, ECHO, { size: 100, count: 5, concurrency: 2 })
      await using old = send(link, peer.host, ECHO, { size: 100, count: 5, mode: 'one' })
      await using mux = muxSend(link, peer.host, ECHO, { size: 100, count: 5, concurrency: 5, wire: 'auto' })
      expect(await plain.first('done')).toMatchObject({ ok: 5, failed: 0 })
      expect(await old.first('done')).toMatchObject({ ok: 5, failed: 0 })
      expect(await mux.first('done')).toMatchObject({ ok: 5, failed: 0, wire: peer.hasMux ? 'mux' : 'plain' })
    }
    expect(ours.map((peer, i) => peer.served - (served[i] ?? 0))).toEqual([15, 15, 15, 15])
  })
})
