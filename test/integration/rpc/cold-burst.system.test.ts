import { describe, expect, it } from 'vitest'
import { bytesOf, KIB, randomBody, sameBytes, textOf } from '../../support/bytes.ts'
import type { PairOptions } from '../../support/hosts.ts'
import { Rpc } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'
import type { WireOption } from '../../support/wires.ts'

const HOSTS: [string, PairOptions][] = [
  ['hosts of createHost()', {}],
  ['hosts of createHost() over noise', { host: { security: ['noise'] } }],
  ['a stock server', { stockServer: true }],
  ['a stock client', { stockClient: true }],
  ['stock hosts on both sides', { stockClient: true, stockServer: true }]
]

const KINDS = (['plain', 'auto'] satisfies WireOption[]).flatMap(wire =>
  HOSTS.map(([name, options]) => [name, wire, options] as const)
)

describe.each(KINDS)('a burst on a cold connection between %s, wire %s,', (_, wire, pair) => {
  const options = { ...pair, wire }

  it('of 200 calls is answered call by call, over one connection that stays', async () => {
    await using rpc = await Rpc.create(options)
    let lost = 0
    rpc.pair.client.addEventListener('connection:close', () => {
      lost += 1
    })
    const answers = await Promise.all(Array.from({ length: 200 }, (__, index) => rpc.send(bytesOf(`call ${index}`))))
    expect(answers.map(textOf)).toEqual(answers.map((__, index) => `call ${index}`))
    expect(rpc.pair.client.getConnections()).toHaveLength(1)
    expect(lost).toBe(0)
    expect(rpc.failures).toEqual([])
  })

  it('comes again after the connection was lost', async () => {
    await using rpc = await Rpc.create(options)
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all(Array.from({ length: 200 }, (__, index) => rpc.send(bytesOf(`call ${index}`))))
      expect(answers.map(textOf)).toEqual(answers.map((__, index) => `call ${index}`))
      rpc.pair.client.getConnections()[0]?.abort(new Error('cut'))
      await until(
        'both sides have lost it',
        () => rpc.pair.both.map(host => host.getConnections().length),
        counts => counts.every(count => count === 0)
      )
    }
    await rpc.nothingLeft()
  })

  it('of 100 calls of 64 KiB to an address without a peer id is answered', async () => {
    await using rpc = await Rpc.create(options)
    const [bare = ''] = rpc.address.toString().split('/p2p/')
    const request = randomBody(64 * KIB)
    const answers = await Promise.all(Array.from({ length: 100 }, () => rpc.client.send(bare, '/test/1.0.0', request)))
    expect(answers.every(answer => sameBytes(answer, request))).toBe(true)
    expect(rpc.pair.client.getConnections()).toHaveLength(1)
  })
})
