import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { Server } from '../../../src/index.ts'
import { HeldProcess, NODE_ARGUMENTS } from '../../support/held-process.ts'
import { ANSWERED, ECHO } from '../../support/held-roles.ts'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { until } from '../../support/until.ts'

const LISTEN = { listen: ['/ip4/127.0.0.1/tcp/0'] }
const ROOT = new URL('../../..', import.meta.url).pathname
/** One timer, whatever else the host has: sockets, servers, heartbeats. */
const HELD = ['Timeout']

describe('a process with a host', () => {
  it('stays up, held by one handle', async () => {
    await using held = await HeldProcess.start(LISTEN)
    expect(await held.holding()).toEqual(HELD)
  })

  it('ends once the host is let go', async () => {
    await using held = await HeldProcess.start(LISTEN)
    await held.tell({ do: 'unref' })
    expect(await held.exits()).toBe(0)
  })

  it.for(['tls', 'noise'] as const)('ends with a connection over %s that it dialled', async security => {
    await using other = await ourHost({ security: [security] })
    await using held = await HeldProcess.start()
    await held.tell({ do: 'dial', address: addressOf(other).toString() })
    expect(await held.holding()).toEqual(HELD)
    await held.tell({ do: 'unref' })
    expect(await held.exits()).toBe(0)
    await until(
      'the other side knows',
      () => other.getConnections().length,
      connections => connections === 0
    )
  })

  it.for(['tls', 'noise'] as const)('ends with a connection over %s that it accepted', async security => {
    await using held = await HeldProcess.start(LISTEN)
    await using other = await ourHost({ security: [security] })
    await other.dial(multiaddr(held.address))
    expect(await held.holding()).toEqual(HELD)
    await held.tell({ do: 'unref' })
    expect(await held.exits()).toBe(0)
    await until(
      'the other side knows',
      () => other.getConnections().length,
      connections => connections === 0
    )
  })

  it('is held by ref() after any number of unref(), and by each hold() until it is released, once', async () => {
    await using held = await HeldProcess.start(LISTEN)
    await held.tell({ do: 'unref-twice-and-ref' })
    expect(await held.holding()).toEqual(HELD)
    await held.tell({ do: 'hold-twice-and-unref' })
    expect(await held.holding()).toEqual(HELD)
    await held.tell({ do: 'release-one-twice' })
    expect(await held.holding()).toEqual(HELD)
    await held.tell({ do: 'release-the-other' })
    expect(await held.exits()).toBe(0)
  })

  it('is held again by a host that was stopped and started, and ends when that stops', async () => {
    await using held = await HeldProcess.start(LISTEN)
    await using other = await ourHost()
    await held.tell({ do: 'restart' })
    expect(await held.holding()).toEqual(HELD)
    await other.dial(multiaddr(held.address))
    expect(await held.holding()).toEqual(HELD)
    await held.tell({ do: 'stop' })
    expect(await held.exits()).toBe(0)
  })

  it('lives until a start or a stop under way has settled, though nobody holds the host', async () => {
    const program = `
      import { setTimeout } from 'node:timers/promises'
      import { createHost } from 'pointsub/host'
      const slowly = () => setTimeout(100, undefined, { ref: false })
      const host = await createHost({
        ...${JSON.stringify(LISTEN)},
        libp2p: { services: { slow: () => ({ start: slowly, stop: slowly }) } }
      })
      host.unref()
      await host.stop()
      console.log(host.status)
      await host.start()
      console.log(host.status, host.getMultiaddrs().length > 0)
      await host.stop()
      console.log(host.status)
      await host.start()
      process.on('exit', code => console.log('exit', code))
    `
    const run = promisify(execFile)(process.execPath, [...NODE_ARGUMENTS, '--input-type=module', '--eval', program], {
      cwd: ROOT,
      timeout: 20_000
    })
    const { stdout } = await run
    expect(stdout.trim().split('\n')).toEqual(['stopped', 'started true', 'stopped', 'exit 0'])
  })
})

describe('a process with a Client or a Server', () => {
  it('ends after requests were made and served', async () => {
    await using server = await HeldProcess.start(LISTEN)
    await using client = await HeldProcess.start()
    await server.tell({ do: 'serve' })
    await client.tell({ do: 'call', address: server.address })
    await client.tell({ do: 'unref' })
    expect(await client.exits()).toBe(0)
    await server.tell({ do: 'stop-serving' })
    await server.tell({ do: 'unref' })
    expect(await server.exits()).toBe(0)
  })

  it('stays up while it serves, though nobody else holds the host', async () => {
    await using server = await HeldProcess.start(LISTEN)
    await using client = await HeldProcess.start()
    await server.tell({ do: 'serve' })
    await server.tell({ do: 'unref' })
    expect(await server.holding()).toEqual(HELD)
    await client.tell({ do: 'call', address: server.address })
    await server.tell({ do: 'stop-serving' })
    expect(await server.exits()).toBe(0)
  })

  it('stays up until its call is answered', async () => {
    await using host = await ourHost()
    await using server = new Server(host)
    const entered = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<Uint8Array>()
    await server.start(ECHO, () => {
      entered.resolve()
      return answer.promise
    })
    await using held = await HeldProcess.start()
    await held.tell({ do: 'begin-call', address: addressOf(host).toString() })
    await entered.promise
    await held.tell({ do: 'unref' })
    expect(await held.holding()).toEqual(['Timeout'])
    const said = held.said()
    answer.resolve(Uint8Array.of(1))
    expect(await said).toBe(ANSWERED)
    expect(await held.exits()).toBe(0)
  })

  it('holds the host once however many protocols it serves, and not when it serves none', async () => {
    await using host = await ourHost()
    let holders = 0
    const hold = (): (() => void) => {
      holders += 1
      return () => (holders -= 1)
    }
    Object.assign(host, { hold })
    const server = new Server(host)
    const failing = new Server(host)
    await server.start('/one/1.0.0', request => request)
    await server.start('/two/1.0.0', request => request)
    await expect(failing.start('/one/1.0.0', request => request)).rejects.toMatchObject({ code: 'ERR_PROTOCOL_EXISTS' })
    expect(holders).toBe(1)
    await Promise.all([server.stop(), server.stop(), failing.stop()])
    expect(holders).toBe(0)
  })
})
