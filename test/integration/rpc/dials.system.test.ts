import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it, vi } from 'vitest'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, type TestHost } from '../../support/hosts.ts'
import { Peers, watchMost } from '../../support/peers.ts'
import { PROTOCOL } from '../../support/rpc.ts'
import { SilentServer } from '../../support/silent-server.ts'
import { SlowDoor } from '../../support/slow-door.ts'
import { turn, until, within } from '../../support/until.ts'

const HELLO = bytesOf('hello')

async function strangers(count: number): Promise<string[]> {
  const keys = await Promise.all(Array.from({ length: count }, () => generateKeyPair('Ed25519')))
  return keys.map(key => peerIdFromPrivateKey(key).toString())
}

/** Notes what is dialled on a host, and how many dials run. */
function watchDials(host: TestHost): { dialled: string[]; running: () => number } {
  const dial = host.dial.bind(host)
  const dialled: string[] = []
  let running = 0
  vi.spyOn(host, 'dial').mockImplementation(async (peer, options) => {
    dialled.push(String(peer))
    running += 1
    try {
      return await dial(peer, options)
    } finally {
      running -= 1
    }
  })
  return { dialled, running: () => running }
}

describe.each([false, true])('dials of a host that is stock: %s', stockClient => {
  it('are at most 64 at once for 500 calls to 200 peers, dead and alive, and none is refused', async () => {
    await using peers = await Peers.create(20, { wire: 'auto', stockClient, clientOptions: { maxTotalConns: 1_000 } })
    const closed = await SilentServer.listen()
    const { address } = closed
    await closed[Symbol.asyncDispose]()
    const dead = (await strangers(180)).map(id => `${address}/p2p/${id}`)
    const { running, dialled } = watchDials(peers.caller)
    const watch = watchMost(running)
    const calls = Array.from({ length: 500 }, (_, index) => {
      const peer = index % 200
      return peer % 10 === 0
        ? peers.send(peer / 10, bytesOf(`call ${index}`)).then(textOf)
        : failureOf(peers.client.send(dead[peer - Math.ceil(peer / 10)] ?? '', PROTOCOL, HELLO))
    })
    for (const [index, outcome] of (await Promise.all(calls)).entries()) {
      if ((index % 200) % 10 === 0) expect(outcome).toBe(`call ${index}`)
      else expect(outcome).toMatchObject({ code: 'ERR_DIAL_FAILED', sent: false })
    }
    expect(watch.stop()).toBeLessThanOrEqual(64)
    // The calls to one peer share a dial.
    expect(dialled).toHaveLength(200)
    expect(running()).toBe(0)
    await peers.client.close()
    await peers.nothingLeft()
  })

  it('that are slow do not hold up calls to a peer that is connected', async () => {
    await using peers = await Peers.create(1, {
      wire: 'auto',
      stockClient,
      clientOptions: { connectTimeout: 25_000, maxTotalConns: 1_000 }
    })
    await peers.send(0, HELLO)
    await using silent = await SilentServer.listen()
    const { running } = watchDials(peers.caller)
    const slow = (await strangers(100)).map(id =>
      failureOf(peers.client.send(`${silent.address}/p2p/${id}`, PROTOCOL, HELLO))
    )
    await until('all places are taken', running, count => count === 64)
    const calls = Array.from({ length: 100 }, (_, index) => peers.send(0, bytesOf(`call ${index}`)))
    const answers = await within(2_000, '100 calls', Promise.all(calls))
    expect(answers.map(textOf)).toEqual(answers.map((_, index) => `call ${index}`))
    expect(running()).toBeGreaterThan(0)
    await peers.client.close()
    for (const error of await Promise.all(slow)) expect(error).toMatchObject({ code: 'ERR_CLIENT_CLOSED', sent: false })
    await until('no dial is left', running, count => count === 0)
  })
})

describe('the callers of one peer', () => {
  it('share one dial, whatever they name it', async () => {
    await using peers = await Peers.create(1, { wire: 'auto' })
    const { dialled } = watchDials(peers.caller)
    const address = addressOf(peers.host(0))
    const names = [address, address.toString(), [address]]
    const calls = Array.from({ length: 90 }, (_, index) => peers.client.send(names[index % 3] ?? '', PROTOCOL, HELLO))
    await Promise.all(calls)
    expect(dialled).toHaveLength(1)
    expect(peers.caller.getConnections()).toHaveLength(1)
  })

  it('do not suffer when others of them give up', async () => {
    await using peers = await Peers.create(1, { wire: 'auto' })
    await using door = await SlowDoor.before(addressOf(peers.host(0)))
    const address = door.address(peers.host(0).peerId)
    const send = (signal?: AbortSignal, timeout?: number): Promise<Uint8Array> =>
      peers.client.send(address, PROTOCOL, HELLO, { signal, timeout })
    const controller = new AbortController()
    const patient = [send(), send()]
    const leaving = [send(controller.signal), send(undefined, 50), send(controller.signal)].map(failureOf)
    const last = send()
    await until(
      'the dial is under way',
      () => door.knocks,
      knocks => knocks === 1
    )
    controller.abort()
    const codes = (await Promise.all(leaving)).map(({ code, sent }) => `${code} ${String(sent)}`)
    expect(codes).toEqual(['ERR_ABORTED false', 'ERR_TIMEOUT false', 'ERR_ABORTED false'])
    door.open()
    expect((await Promise.all([...patient, last])).map(textOf)).toEqual(['hello', 'hello', 'hello'])
    expect(door.knocks).toBe(1)
  })

  it('who all give up end the dial, and the next one dials anew', async () => {
    await using peers = await Peers.create(1, { wire: 'auto' })
    await using door = await SlowDoor.before(addressOf(peers.host(0)))
    const address = door.address(peers.host(0).peerId)
    for (let round = 1; round <= 3; round += 1) {
      const controller = new AbortController()
      const calls = [1, 2, 3].map(() =>
        failureOf(peers.client.send(address, PROTOCOL, HELLO, { signal: controller.signal }))
      )
      await until(
        'the dial is under way',
        () => door.knocks,
        knocks => knocks === round
      )
      controller.abort()
      for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'ERR_ABORTED', sent: false })
    }
    door.open()
    expect(textOf(await peers.client.send(address, PROTOCOL, HELLO))).toBe('hello')
    expect(door.knocks).toBe(4)
  })
})

describe('an abort storm', () => {
  it('of 2,000 calls to 50 slow peers leaves nothing, and the next calls dial', async () => {
    await using peers = await Peers.create(2, { wire: 'auto' })
    await using silent = await SilentServer.listen()
    const before = peers.leftovers()
    const { running } = watchDials(peers.caller)
    const watch = watchMost(running)
    const slow = (await strangers(50)).map(id => `${silent.address}/p2p/${id}`)
    const calls: Promise<unknown>[] = []
    for (let index = 0; index < 2_000; index += 1) {
      const controller = new AbortController()
      calls.push(failureOf(peers.client.send(slow[index % 50] ?? '', PROTOCOL, HELLO, { signal: controller.signal })))
      if (index % 40 === 0) await turn()
      setTimeout(() => controller.abort(), index % 23)
    }
    const alive = peers.send(0, HELLO, { timeout: 5_000 })
    for (const error of await within(20_000, 'the calls end', Promise.all(calls))) {
      expect(error).toMatchObject({ code: 'ERR_ABORTED', sent: false })
    }
    expect(textOf(await alive)).toBe('hello')
    expect(watch.stop()).toBeLessThanOrEqual(64)
    await until('no dial is left', running, count => count === 0)
    expect(peers.caller.getDialQueue()).toEqual([])
    expect(textOf(await peers.send(1, HELLO, { timeout: 5_000 }))).toBe('hello')
    await peers.client.close()
    await peers.nothingLeft({ ...before, listeners: { host: before.listeners['host'] ?? 0 } })
  })

  it('that never ends does not keep others from dialling', async () => {
    await using peers = await Peers.create(3, { wire: 'auto' })
    await using silent = await SilentServer.listen()
    const slow = (await strangers(30)).map(id => `${silent.address}/p2p/${id}`)
    const over = new AbortController()
    const storm = async (index: number): Promise<void> => {
      while (!over.signal.aborted) {
        const controller = new AbortController()
        const call = failureOf(peers.client.send(slow[index] ?? '', PROTOCOL, HELLO, { signal: controller.signal }))
        await turn()
        controller.abort()
        await call
      }
    }
    const storms = slow.map((_, index) => storm(index))
    for (let index = 0; index < 3; index += 1) {
      expect(textOf(await peers.send(index, HELLO, { timeout: 20_000 }))).toBe('hello')
    }
    over.abort()
    await Promise.all(storms)
  })
})
