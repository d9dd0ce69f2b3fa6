import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { HostileDialler, HostileListener } from '../../support/faults/attacker.ts'
import { rawAttacks } from '../../support/faults/raw-attacks.ts'
import { FaultRig, handshakeOf } from '../../support/faults/rig.ts'

const TIMEOUT = 1_000
/** What no time can make good ends sooner. */
const PROMPT = TIMEOUT / 2

describe.each(['tls', 'tls over a stream', 'noise'] as const)('%s', way => {
  let rig: FaultRig
  beforeAll(async () => {
    rig = await FaultRig.start({ way, timeout: TIMEOUT })
  })
  afterEach(async () => rig.forget())
  afterAll(async () => rig[Symbol.asyncDispose]())

  it.each(rawAttacks(handshakeOf(way)))('a host that is dialled ends $name', async ({ script, waits }) => {
    const start = performance.now()
    using _ = await HostileDialler.attack(rig.port, script)
    await rig.isAsBefore()
    if (waits !== true) expect(performance.now() - start).toBeLessThan(PROMPT)
    await rig.serves()
  })

  it.each(rawAttacks(handshakeOf(way)))('a host that dials ends $name', async ({ script, waits }) => {
    await using listener = await HostileListener.listen(script)
    const { took } = await rig.failsToDial(listener.address)
    expect(took).toBeLessThan(waits === true ? TIMEOUT + 500 : PROMPT)
    await rig.isAsBefore(PROMPT)
    await rig.serves()
  })
})
