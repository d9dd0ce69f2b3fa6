import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { raise } from '../../support/raise.ts'
import { Client, Server } from '../../../src/index.ts'
import { addressOf } from '../conn/pipes.ts'
import { ourHost } from '../../support/hosts.ts'
import { type PerWire, WIRES } from '../../support/wires.ts'

const PROTOCOL = '/closest/1.0.0'
const REQUEST = new TextEncoder().encode('who is near?')

/** What a caller gets when the handler failed. */
const FAILED: PerWire<string> = { plain: 'ERR_NO_RESPONSE', mux: 'ERR_REMOTE' }

describe.each(WIRES)('sendClosest on the %s wire', wire => {
  let hosts: Awaited<ReturnType<typeof ourHost>>[] = []
  let failing = new Set<string>()
  const client = (): Client => new Client(hosts[0] ?? raise('no host'), { timeout: 5_000, wire })

  beforeAll(async () => {
    hosts = await Promise.all(Array.from({ length: 5 }, ourHost))
    for (const host of hosts) {
      await new Server(host).start(PROTOCOL, () => {
        if (failing.has(host.peerId.toString())) throw new Error('told to')
        return new TextEncoder().encode(host.peerId.toString())
      })
    }
  })
  afterAll(() => Promise.all(hosts.map(host => host[Symbol.asyncDispose]())))

  const withNodes = (): Client => {
    const made = client()
    for (const host of hosts) made.addServerNode(PROTOCOL, addressOf(host))
    return made
  }

  it('asks the closest node, never itself, and the next ones when that fails', async () => {
    failing = new Set()
    await using caller = withNodes()
    const order: string[] = []
    for (let i = 0; i < 4; i++) {
      const { response, target } = await caller.sendClosest(PROTOCOL, REQUEST)
      expect(new TextDecoder().decode(response)).toBe(target.toString())
      order.push(target.toString())
      failing.add(target.toString())
    }
    expect(new Set(order).size).toBe(4)
    expect(order).not.toContain(hosts[0]?.peerId.toString())
    const failure: unknown = await caller.sendClosest(PROTOCOL, REQUEST).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: FAILED[wire], sent: true, message: /^4 of 4 nodes failed/ })
    // Failed nodes come last while they are passed over, and are asked all the same when there is nobody else.
    failing = new Set(order.slice(0, 3))
    expect((await caller.sendClosest(PROTOCOL, REQUEST)).target.toString()).toBe(order[3])
  })

  it('leaves out who is excluded, and agrees with another client on who is closest', async () => {
    failing = new Set()
    await using one = withNodes()
    await using other = withNodes()
    const [a, b] = await Promise.all([one.sendClosest(PROTOCOL, REQUEST), other.sendClosest(PROTOCOL, REQUEST)])
    expect(a.target.equals(b.target)).toBe(true)
    const next = await one.sendClosest(PROTOCOL, REQUEST, { exclude: [a.target] })
    expect(next.target.equals(a.target)).toBe(false)
  })

  it('keeps a table of nodes', async () => {
    await using caller = client()
    expect(caller.hasAvailableNodes(PROTOCOL)).toBe(false)
    await expect(caller.sendClosest(PROTOCOL, REQUEST)).rejects.toMatchObject({ code: 'ERR_NO_NODES', sent: false })
    const [self, first, second] = hosts
    if (self === undefined || first === undefined || second === undefined) throw new Error('no hosts')
    caller.addServerNode(PROTOCOL, self.peerId)
    expect(caller.hasAvailableNodes(PROTOCOL)).toBe(false)
    caller.addServerNode(PROTOCOL, first.peerId)
    caller.addServerNode(PROTOCOL, addressOf(first))
    caller.addServerNode(PROTOCOL, second.peerId.toString())
    expect(caller.getServerNodes(PROTOCOL).map(String)).toEqual(
      [self, first, second].map(host => host.peerId.toString())
    )
    expect(caller.removeServerNode(PROTOCOL, second.peerId)).toBe(true)
    expect(caller.removeServerNode(PROTOCOL, second.peerId)).toBe(false)
    // The addresses given later are the ones used.
    expect((await caller.sendClosest(PROTOCOL, REQUEST)).target.equals(first.peerId)).toBe(true)
    caller.clearServerNodes()
    expect(caller.getServerNodes(PROTOCOL)).toEqual([])
    expect(() => caller.addServerNode(PROTOCOL, '/ip4/127.0.0.1/tcp/1')).toThrow(/p2p/)
  })

  it('refuses what no node could answer, at once', async () => {
    await using caller = withNodes()
    await expect(caller.sendClosest(PROTOCOL, new Uint8Array(0))).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT'
    })
    await expect(caller.sendClosest(PROTOCOL, REQUEST, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED'
    })
    await using small = new Client(hosts[0] ?? raise('no host'), { maxBlockSize: 4 })
    small.addServerNode(PROTOCOL, addressOf(hosts[1] ?? raise('no host')))
    await expect(small.sendClosest(PROTOCOL, REQUEST)).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
  })
})
