import { expect, it } from 'vitest'
import { Client, type Handler, Server } from '../../../src/index.ts'
import { createNetwork } from '../../../src/testing/index.ts'
import { bytesOf, KIB, MIB, randomBody, sameBytes, textOf } from '../../support/bytes.ts'
import { failureOf, failuresOf } from '../../support/failures.ts'
import { arrayBufferBytes, arrayBuffersWithin } from '../../support/heap.ts'
import { addressOf, ourHost } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { PROTOCOL } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

const PEERS = 5
const UPLOADS = 20
const UPLOAD = randomBody(MIB)
const MAX = 16 * MIB
const MAX_PER_PEER = 6 * MIB

it('100 large uploads at once hold no more than they may, others are refused unseen, and polite calls are answered', async () => {
  await using there = await ourHost()
  await using server = new Server(there, { maxMemoryUsage: MAX, maxMemoryUsagePerPeer: MAX_PER_PEER })
  const failures = failuresOf(server)
  const release: (() => void)[] = []
  const handler: Handler = async request => {
    if (request.byteLength < KIB) return request
    await new Promise<void>(resolve => release.push(resolve))
    return bytesOf(sameBytes(request, UPLOAD) ? 'intact' : 'broken')
  }
  await server.start(PROTOCOL, handler)
  await using stack = new AsyncDisposableStack()
  const options = { wire: 'mux', enableCompression: false, maxRetries: 0 } as const
  const clients: Client[] = []
  for (let peer = 0; peer < PEERS; peer += 1) clients.push(stack.use(new Client(stack.use(await ourHost()), options)))
  await using polite = new Client(stack.use(await ourHost()), { wire: 'mux', maxRetries: 0 })
  const address = addressOf(there)
  await polite.send(address, PROTOCOL, bytesOf('hello'))

  const before = await arrayBufferBytes()
  const calls = clients.flatMap(client => Array.from({ length: UPLOADS }, () => client.send(address, PROTOCOL, UPLOAD)))
  const uploads = Promise.allSettled(calls)
  let refused = 0
  for (const call of calls) call.catch(() => (refused += 1))
  await until(
    'handlers hold what they may, and the others are refused',
    () => release.length + refused,
    ended => ended === PEERS * UPLOADS
  )
  const accepted = release.length
  expect(accepted).toBeGreaterThan(PEERS)
  expect(accepted * UPLOAD.byteLength).toBeLessThanOrEqual(MAX)
  for (let call = 0; call < 50; call += 1) {
    const text = `polite ${call}`
    expect(textOf(await polite.send(address, PROTOCOL, bytesOf(text)))).toBe(text)
  }
  await arrayBuffersWithin(MAX + 8 * MIB, before)
  for (const each of release) each()
  const [answers, refusals] = [[] as string[], [] as unknown[]]
  for (const outcome of await uploads) {
    if (outcome.status === 'fulfilled') answers.push(textOf(outcome.value))
    else refusals.push(outcome.reason)
  }
  expect(answers).toEqual(Array.from({ length: accepted }, () => 'intact'))
  for (const error of refusals) {
    expect(error).toMatchObject({ code: 'ERR_MEMORY_LIMIT', sent: false, remote: true, retryable: true })
  }
  expect(new Set(failures.map(({ error }) => error.code))).toEqual(new Set(['ERR_MEMORY_LIMIT']))
  expect(failures.some(({ peer }) => peer.toString() === nameOf(polite))).toBe(false)
  await arrayBuffersWithin(8 * MIB, before)
  expect(await clients[0]?.send(address, PROTOCOL, bytesOf('again'))).toEqual(bytesOf('again'))
})

function nameOf(client: Client): string {
  return client.getConnectionsInfo()[0]?.peer.toString() ?? ''
}

it('a client that does not read its answers loses them, and nobody else does', async () => {
  await using network = await createNetwork({ hosts: 3 })
  const [there, lazy, other] = network.hosts
  if (there === undefined || lazy === undefined || other === undefined) throw new Error('no hosts')
  await using server = new Server(there, { maxMemoryUsagePerPeer: 8 * MIB, writeTimeout: 300 })
  const failures = failuresOf(server)
  const answer = randomBody(400 * KIB)
  await server.start(PROTOCOL, request => (textOf(request) === 'large' ? answer : request))
  await using reading = new Client(other, { wire: 'mux', maxRetries: 0 })
  await using deaf = new Client(lazy, { wire: 'mux', maxRetries: 0 })
  await Promise.all([reading, deaf].map(client => client.send(there.peerId, PROTOCOL, bytesOf('hello'))))
  network.faults.set({ slowReader: 100 }, lazy.peerId)
  const lost = Array.from({ length: 50 }, () => failureOf(deaf.send(there.peerId, PROTOCOL, bytesOf('large'))))
  await until(
    'the server gives it up',
    () => failures.length,
    count => count > 0
  )
  const whole = await Promise.all(
    Array.from({ length: 10 }, () => reading.send(there.peerId, PROTOCOL, bytesOf('large')))
  )
  expect(whole.every(each => sameBytes(each, answer))).toBe(true)
  network.faults.clear()
  for (const { code } of await Promise.all(lost)) {
    expect(['ERR_MEMORY_LIMIT', 'ERR_STREAM_RESET', 'ERR_TIMEOUT']).toContain(code)
  }
  expect(failures.every(({ peer }) => peer.equals(lazy.peerId))).toBe(true)
  await Promise.all([deaf.close(), reading.close()])
  await nothingLeft(PROTOCOL, [there])
  expect(server.getMetrics()).toMatchObject({ activeRequests: 0, activeConns: 0 })
})
