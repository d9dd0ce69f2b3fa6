import { describe, expect, it } from 'vitest'
import { type Restart, restartUnderLoad } from '../support/restarts.ts'
import { soak } from '../support/scale.ts'

describe.each(['mux', 'auto'] as const)('on the wire %s', wire => {
  it.each<Restart>(['same host', 'overlapping', 'new host'])('20 restarts under load (%s) lose nothing', async how => {
    const ledger = await restartUnderLoad(how, soak(20), wire)
    if (how === 'overlapping') expect([...ledger.failed.values()]).toEqual([])
  })
})
