import { describe, expect, it } from 'vitest'
import { KIB, MIB, randomBody, sameBytes } from '../../support/bytes.ts'
import { type PairOptions } from '../../support/hosts.ts'
import { Rpc } from '../../support/rpc.ts'
import { WIRES } from '../../support/wires.ts'

const SIZES = [0, 1, 300, 64 * KIB, MIB, 8 * MIB, 32 * MIB]

/** Who talks to whom, and bytes of the largest echo: the limit once, less where it would take long. */
const HOSTS: [string, string, PairOptions, number][] = [
  ['hosts of createHost() over TLS', '/tls/1.0.0', { host: { security: ['tls'] } }, 32 * MIB],
  ['hosts of createHost() over noise', '/noise', { host: { security: ['noise'] } }, 8 * MIB],
  ['stock libp2p hosts', '/noise', { stockClient: true, stockServer: true }, 8 * MIB]
]

const KINDS = WIRES.flatMap(wire => HOSTS.map(([name, ...rest]) => [name, wire, ...rest] as const))

describe.each(KINDS)('an echo between %s on the %s wire', (_, wire, encryption, pair, largest) => {
  const options = { ...pair, wire }

  it(`comes back as it went, from 0 to ${largest / MIB} MiB`, async () => {
    await using rpc = await Rpc.create(options)
    for (const size of SIZES.filter(each => each <= largest)) {
      const request = randomBody(size)
      const response = await rpc.send(request)
      expect(sameBytes(response, request), `${size} bytes`).toBe(true)
    }
    const [connection] = rpc.pair.client.getConnections()
    expect(connection?.encryption).toBe(encryption)
    expect(rpc.failures).toEqual([])
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('comes back as it went for sizes mixed and many at a time', async () => {
    await using rpc = await Rpc.create(options)
    const requests = Array.from({ length: 60 }, (__, index) => randomBody((SIZES[index % 5] ?? 0) + index))
    const responses = await Promise.all(requests.map(request => rpc.send(request)))
    for (const [index, request] of requests.entries()) {
      expect(sameBytes(responses[index] ?? new Uint8Array(0), request), `${request.byteLength} bytes`).toBe(true)
    }
    expect(rpc.failures).toEqual([])
  })
})
