import { expect, it } from 'vitest'
import { restartUnderLoad } from '../../support/restarts.ts'

it('a server whose successor is there before it is done is restarted under load, and nobody notices', async () => {
  const ledger = await restartUnderLoad('overlapping', 4, 'auto')
  expect([...ledger.failed.values()]).toEqual([])
  expect([...ledger.wires]).toEqual(['mux'])
})

it.each([
  ['same host', 'mux'],
  ['new host', 'auto']
] as const)('a server that is restarted under load (%s, wire %s) loses nothing it has accepted', async (how, wire) => {
  const ledger = await restartUnderLoad(how, 2, wire)
  // In between nobody serves the protocol, and calls are told so.
  expect(Object.keys(ledger.codes(({ sent }) => sent === false))).toEqual(['ERR_PROTOCOL_UNSUPPORTED'])
})
