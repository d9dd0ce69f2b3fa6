import { expect, it } from 'vitest'
import { KIB, MIB, randomBody, sameBytes } from '../../support/bytes.ts'
import { repeat, Rpc } from '../../support/rpc.ts'

/** With requests and answers of more bytes than either side lets wait, each could wait for the other to read. */
it.for([
  [128, 64 * KIB],
  [32, 250 * KIB],
  [8, MIB]
] as const)('%i calls at once with %i bytes each way are all answered', async ([calls, size]) => {
  await using rpc = await Rpc.create({ clientOptions: { wire: 'mux', timeout: 20_000 } })
  await repeat(calls, calls, async () => {
    const request = randomBody(size)
    expect(sameBytes(await rpc.send(request), request)).toBe(true)
  })
})
