import { describe, expect, it } from 'vitest'
import { HostileDialler, HostileListener, type Script } from '../../support/faults/attacker.ts'
import type { Handshake } from '../../support/faults/multistream.ts'
import { rawAttacks } from '../../support/faults/raw-attacks.ts'
import { FaultRig, handshakeOf } from '../../support/faults/rig.ts'
import { TimerWatch } from '../../support/faults/timers.ts'
import { tlsClient, tlsServer } from '../../support/faults/tls-attack.ts'
import { BAD_OFFERS } from '../../support/faults/tls-offers.ts'
import { bytesInUse, inMiB } from '../../support/heap.ts'
import { until } from '../../support/until.ts'

const TIMEOUT = 1_000
const AT_ONCE = 20

interface Attack {
  asClient: Script
  asServer: Script
}

/** Every way to spoil a handshake that there is, one after the other. */
async function attacksOn(security: Handshake): Promise<Attack[]> {
  const raw = rawAttacks(security).map(({ script }) => ({ asClient: script, asServer: script }))
  if (security === 'noise') return raw
  const offers = await Promise.all(BAD_OFFERS.map(({ offer }) => offer()))
  // What is a fault towards one side only may be none towards the other.
  const both = offers.filter((_, index) => BAD_OFFERS[index]?.only === undefined)
  return [...raw, ...both.map(offer => ({ asClient: tlsClient(offer), asServer: tlsServer(offer) }))]
}

/** So many failed handshakes, half of them with a host that dials and half with one that is dialled. */
async function run(rig: FaultRig, attacks: readonly Attack[], count: number): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE) {
    await using stack = new AsyncDisposableStack()
    const one = async (index: number): Promise<void> => {
      const attack = attacks[Math.floor(index / 2) % attacks.length]
      if (attack === undefined) throw new Error('there is nothing to attack with')
      if (index % 2 === 0) {
        stack.use(await HostileDialler.attack(rig.port, attack.asClient))
      } else {
        const listener = stack.use(await HostileListener.listen(attack.asServer))
        await rig.failsToDial(listener.address)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, async (_, index) => one(done + index)))
    await rig.isAsBefore()
  }
}

describe.each(['tls', 'tls over a stream', 'noise'] as const)('of %s', way => {
  it('300 failed handshakes leave no memory, socket, timer or listener', { timeout: 300_000 }, async () => {
    await using rig = await FaultRig.start({ way, timeout: TIMEOUT })
    const attacks = await attacksOn(handshakeOf(way))
    await run(rig, attacks, 300)
    await rig.serves()
    const before = await bytesInUse()
    using watch = new TimerWatch()
    await run(rig, attacks, 300)
    await until(
      'no timer waits any more',
      () => watch.waiting,
      waiting => waiting.length === 0
    )
    await rig.serves()
    const grown = inMiB((await bytesInUse()) - before)
    expect(grown, `${grown} MiB more`).toBeLessThan(2)
  })
})
