import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostileDialler, isOver } from '../../support/faults/attacker.ts'
import { forge } from '../../support/faults/certificates.ts'
import { type Direction, type Fault, Tamper } from '../../support/faults/tamper.ts'
import { isDone, Tampering } from '../../support/faults/tampering.ts'
import { resume, sessionOf } from '../../support/faults/tls-resume.ts'
import { until } from '../../support/until.ts'

const TIMEOUT = 1_000
const AT_ONCE = 40

// All of it, at every byte and with every attack, is in the *.system.test.ts beside this.
const FAULTS: readonly Fault[] = ['fin', 'reset', 'silence', 'flip', 'garbage', 'drip']
/** Bytes around the agreement on the handshake, within its first message, and within a later one. */
const PLACES = [0, 32, 200]
const DIRECTIONS: readonly Direction[] = ['out', 'back']

describe.each(['tls', 'noise'] as const)('a handshake of %s', way => {
  let hosts: Tampering
  beforeAll(async () => {
    hosts = await Tampering.start(way, TIMEOUT)
  })
  afterAll(async () => hosts[Symbol.asyncDispose]())

  it('that goes wrong in either direction ends within the time it has', async () => {
    const plans = DIRECTIONS.flatMap(direction =>
      FAULTS.flatMap((fault, count) => PLACES.map(at => ({ direction, fault, at: at + count })))
    )
    const outcomes = await hosts.play(plans, AT_ONCE)
    expect(outcomes.filter(isDone)).toEqual([])
  })

  it('may be followed by an abort at once', async () => {
    await using tamper = await Tamper.before(hosts.listener.port)
    const connection = await hosts.dialler.dial(tamper.address)
    connection.abort(new Error('no, thanks'))
    await hosts.forget()
  })

  it('cannot be done again with what somebody else has sent', async () => {
    await using tamper = await Tamper.before(hosts.listener.port)
    await hosts.dialler.dial(tamper.address)
    await hosts.forget()
    using _ = await HostileDialler.attack(hosts.listener.port, socket => {
      for (const bytes of tamper.recording) socket.write(bytes)
    })
    await hosts.listener.isAsBefore()
  })

  it('works after all of this', () => hosts.serves())
})

it('a session of TLS is not gone on with', async () => {
  await using hosts = await Tampering.start('tls', TIMEOUT)
  const { listener } = hosts
  const certificate = await forge()
  const sessions: Buffer[] = []
  using once = await HostileDialler.attack(listener.port, async socket => {
    sessions.push(await sessionOf(socket, certificate))
  })
  await hosts.forget()
  const reused: boolean[] = []
  using again = await HostileDialler.attack(listener.port, async socket => {
    for (const session of sessions) reused.push(await resume(socket, session))
  })
  await until(
    'it has come to an end',
    () => reused.length,
    count => count === 1
  )
  await listener.isAsBefore()
  expect(reused).toEqual([false])
  expect([once, again].map(({ socket }) => isOver(socket))).toEqual([true, true])
})
