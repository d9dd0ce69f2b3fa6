import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Client, Server } from '../../../src/index.ts'
import { bytesOf, MIB, randomBody, textOf } from '../../support/bytes.ts'
import { ChildPeer } from '../../support/child.ts'
import { ECHO, HANG } from '../../support/child-roles.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { PROTOCOL } from '../../support/rpc.ts'
import { forgetArmedTimers } from '../../support/timers.ts'
import { until, within } from '../../support/until.ts'
import { WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

it('calls to a process that is killed fail with ERR_CONNECTION_LOST and leave nothing', async () => {
  forgetArmedTimers()
  await using host = await ourHost()
  const clients = WIRES.map(wire => new Client(host, { wire, maxRetries: 0 }))
  await using child = await ChildPeer.start({ kind: 'server' })
  for (const client of clients) expect(textOf(await client.send(child.address, ECHO, HELLO))).toBe('hello')
  const calls = Promise.all(
    clients.flatMap(client => Array.from({ length: 10 }, () => failureOf(client.send(child.address, HANG, HELLO))))
  )
  await child.report('entered', 10_000, ({ count }) => count === 20)
  await child.kill()
  for (const error of await within(10_000, 'the calls fail', calls)) {
    expect(error).toMatchObject({ code: 'ERR_CONNECTION_LOST', sent: true, protocol: HANG })
    expect(child.address).toContain(error.peer)
  }
  await nothingLeft(HANG, [host])
  for (const client of clients) {
    expect(await failureOf(client.send(child.address, ECHO, HELLO))).toMatchObject({
      code: 'ERR_DIAL_FAILED',
      sent: false
    })
    await client.close()
  }
  await nothingLeft(ECHO, [host])
})

it('calls to a process that is frozen end in time and leave nothing, and so does close()', async () => {
  forgetArmedTimers()
  await using host = await ourHost()
  const clients = WIRES.map(wire => new Client(host, { wire }))
  await using child = await ChildPeer.start({ kind: 'server' })
  for (const client of clients) {
    for (let round = 0; round < 2; round += 1) await client.send(child.address, ECHO, HELLO)
  }
  child.freeze()
  const requests = [HELLO, HELLO, randomBody(8 * MIB)]
  const calls = clients.flatMap(client =>
    requests.map(request => failureOf(client.send(child.address, ECHO, request, { timeout: 500 })))
  )
  for (const error of await within(5_000, 'the calls end', Promise.all(calls))) {
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', protocol: ECHO })
  }
  await within(5_000, 'close()', Promise.all(clients.map(client => client.close())))
  // Streams that were being opened are given 5 s more.
  await nothingLeft(ECHO, [host], undefined, { within: 15_000 })
  child.thaw()
  await using again = new Client(host)
  expect(textOf(await again.send(child.address, ECHO, HELLO))).toBe('hello')
})

it('close() does not wait for a frozen process to end its idle streams', async () => {
  forgetArmedTimers()
  await using host = await ourHost()
  const clients = WIRES.map(wire => new Client(host, { wire }))
  await using child = await ChildPeer.start({ kind: 'server' })
  await Promise.all(
    clients.flatMap(client => Array.from({ length: 20 }, () => client.send(child.address, ECHO, HELLO)))
  )
  child.freeze()
  await within(5_000, 'close()', Promise.all(clients.map(client => client.close())))
  await nothingLeft(ECHO, [host])
})

it('another process at the address of one that was killed is found, unless the address names the old one', async () => {
  await using host = await ourHost()
  await using client = new Client(host, { maxRetries: 0 })
  await using first = await ChildPeer.start({ kind: 'server' })
  const [bare = ''] = first.address.split('/p2p/')
  expect(textOf(await client.send(bare, ECHO, HELLO))).toBe('hello')
  await first.kill()
  await using second = await ChildPeer.start({ kind: 'server', port: Number(/\/tcp\/(\d+)/.exec(bare)?.[1]) })
  expect(second.address.startsWith(bare)).toBe(true)
  await until(
    'the connection is lost',
    () => host.getConnections().length,
    count => count === 0
  )
  expect(textOf(await client.send(bare, ECHO, HELLO))).toBe('hello')
  expect(await failureOf(client.send(first.address, ECHO, HELLO))).toMatchObject({
    code: 'ERR_DIAL_FAILED',
    sent: false
  })
})

it('a server process that is killed and started again is found by the same client', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pointsub-'))
  try {
    await using host = await ourHost()
    await using client = new Client(host)
    const identity = join(folder, 'identity')
    await using first = await ChildPeer.start({ kind: 'server', identity })
    const { address } = first
    expect(textOf(await client.send(address, ECHO, HELLO))).toBe('hello')
    await first.kill()
    const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1])
    await using second = await ChildPeer.start({ kind: 'server', identity, port })
    expect(second.address).toBe(address)
    await until(
      'the connection is lost',
      () => host.getConnections().length,
      count => count === 0
    )
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.send(address, ECHO, HELLO)))
    expect(answers.map(textOf)).toEqual(answers.map(() => 'hello'))
  } finally {
    await rm(folder, { recursive: true })
  }
})

it('handlers are told when the process that called them is killed, and nothing is left', async () => {
  forgetArmedTimers()
  await using host = await ourHost()
  await using server = new Server(host)
  let [busy, told] = [0, 0]
  await server.start(PROTOCOL, (request, { signal }) => {
    busy += 1
    return new Promise(resolve => {
      signal.addEventListener('abort', () => {
        told += 1
        resolve(request)
      })
    })
  })
  await using child = await ChildPeer.start({
    kind: 'caller',
    address: addressOf(host).toString(),
    protocol: PROTOCOL,
    calls: 20
  })
  await until(
    'handlers at work',
    () => busy,
    count => count === 20
  )
  await child.kill()
  await until(
    'handlers told',
    () => told,
    count => count === 20
  )
  await nothingLeft(PROTOCOL, [host])
  expect(server.activeStreams).toBe(0)
})
