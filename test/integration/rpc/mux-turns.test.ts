import { expect, it } from 'vitest'
import { Client, Server } from '../../../src/index.ts'
import { createNetwork } from '../../../src/testing/index.ts'
import { KIB, randomBody } from '../../support/bytes.ts'
import { PROTOCOL } from '../../support/rpc.ts'

it('a large request waits for its turn longer than writeTimeout as long as the peer takes those before it', async () => {
  await using network = await createNetwork({ faults: { bandwidth: 4_000_000 } })
  const [host, peer] = network.hosts
  if (host === undefined || peer === undefined) throw new Error('there are two hosts')
  await using server = new Server(peer)
  await server.start(PROTOCOL, request => Uint8Array.of(request.byteLength / KIB / 2))
  // Eight take turns, and need a second; the others wait.
  await using client = new Client(host, { wire: 'mux', maxRetries: 0, writeTimeout: 600 })
  const body = randomBody(500 * KIB)
  const answers = await Promise.all(Array.from({ length: 16 }, () => client.send(peer.peerId, PROTOCOL, body)))
  expect(answers.map(([first]) => first)).toEqual(Array.from({ length: 16 }, () => 250))
})
