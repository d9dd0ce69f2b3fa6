import { multiaddr } from '@multiformats/multiaddr'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { HostileDialler, HostileListener, type Script } from '../../support/faults/attacker.ts'
import { forge } from '../../support/faults/certificates.ts'
import { agree, PROTOCOLS } from '../../support/faults/multistream.ts'
import { FaultRig, handshakeOf, type Way } from '../../support/faults/rig.ts'
import { hostSockets } from '../../support/faults/sockets.ts'
import { tlsServer } from '../../support/faults/tls-attack.ts'
import { ourHost } from '../../support/hosts.ts'
import { until, within } from '../../support/until.ts'

const PATIENT = 20_000
const SHORT = 1_500
const PROMPT = 2_000

const WAYS: readonly Way[] = ['tls', 'tls over a stream', 'noise']

/** Agrees on the handshake, and then says nothing. */
const hangs = (way: Way): Script => {
  const protocol = PROTOCOLS[handshakeOf(way)]
  return socket => agree(socket, protocol)
}

/** A server that answers its first connection with one script and the next one with another. */
function oneAfterTheOther(...scripts: Script[]): { script: Script; count: () => number } {
  let count = 0
  return { script: socket => scripts[count++ % scripts.length]?.(socket), count: () => count }
}

describe.each(WAYS)('while a handshake of %s hangs', way => {
  it('a dial ends at once when its signal says so', async () => {
    await using rig = await FaultRig.start({ way, timeout: PATIENT })
    await using listener = await HostileListener.listen(hangs(way))
    const controller = new AbortController()
    const dial = rig.host.dial(multiaddr(listener.address), { signal: controller.signal })
    const ended = expect(dial).rejects.toThrow(/abort/i)
    await until('the dial is under way', hostSockets, ({ length }) => length === 1)
    controller.abort()
    await within(PROMPT, 'the dial ends', ended)
    await rig.isAsBefore(PROMPT)
  })

  it('a host stops at once, whoever dialled', async () => {
    await using rig = await FaultRig.start({ way, timeout: PATIENT })
    await using listener = await HostileListener.listen(hangs(way))
    const ended = expect(rig.dial(listener.address)).rejects.toThrow(/abort|closed|ended/i)
    using _ = await HostileDialler.attack(rig.port, hangs(way))
    await until('both are under way', hostSockets, ({ length }) => length === 2)
    await within(PROMPT, 'the host stops', Promise.resolve(rig.host.stop()))
    await within(PROMPT, 'the dial ends', ended)
    await rig.isAsBefore(PROMPT)
  })
})

describe('a second try with the other dialect', () => {
  let rig: FaultRig
  beforeAll(async () => {
    rig = await FaultRig.start({ way: 'tls', timeout: SHORT })
  })
  afterEach(async () => rig.forget())
  afterAll(async () => rig[Symbol.asyncDispose]())

  const libp2p = async (): Promise<Script> => tlsServer({ certificate: await forge() })
  const dep2p = async (): Promise<Script> => tlsServer({ certificate: await forge({ prefix: 'dep2p-tls-handshake:' }) })

  it('is the last one, whatever the peer says', async () => {
    const server = oneAfterTheOther(await dep2p(), await libp2p())
    await using listener = await HostileListener.listen(server.script)
    expect((await rig.failsToDial(listener.address)).took).toBeLessThan(SHORT)
    expect(server.count()).toBe(2)
    await rig.isAsBefore(PROMPT)
  })

  it('has no more time than the first one left', async () => {
    const server = oneAfterTheOther(await dep2p(), hangs('tls'))
    await using listener = await HostileListener.listen(server.script)
    expect((await rig.failsToDial(listener.address)).took).toBeLessThan(SHORT + 500)
    expect(server.count()).toBe(2)
    await rig.isAsBefore(PROMPT)
  })

  it('reaches a peer that names no muxers in ALPN, from a host that expects dep2p', async () => {
    await using host = await ourHost({ security: ['tls'], dialect: 'dep2p' })
    const certificate = await forge()
    const server = oneAfterTheOther(tlsServer({ certificate, alpn: ['libp2p'] }))
    await using listener = await HostileListener.listen(server.script)
    const connection = await host.dial(multiaddr(listener.address))
    expect(connection.remotePeer.equals(certificate.peerId)).toBe(true)
    expect(server.count()).toBe(2)
    connection.abort(new Error('the test is over'))
  })

  it('expects the same peer', async () => {
    const first = await forge({ prefix: 'dep2p-tls-handshake:' })
    const server = oneAfterTheOther(tlsServer({ certificate: first }), await dep2p())
    await using listener = await HostileListener.listen(server.script)
    await rig.failsToDial(`${listener.address}/p2p/${String(first.peerId)}`)
    expect(server.count()).toBe(2)
    await rig.isAsBefore(PROMPT)
  })
})
