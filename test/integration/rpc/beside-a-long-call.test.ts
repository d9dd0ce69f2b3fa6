import { describe, expect, it } from 'vitest'
import { Client, type PointSubError } from '../../../src/index.ts'
import { bytesOf, MIB, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { Gate, PROTOCOL, Rpc, type RpcOptions } from '../../support/rpc.ts'
import { within } from '../../support/until.ts'
import { type PerWire, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

/** A client with one call in flight that ends when the gate opens; others are answered at once. */
async function besideALongCall(options: RpcOptions = {}): Promise<{ rpc: Rpc; long: Promise<Uint8Array>; gate: Gate }> {
  const gate = new Gate()
  const rpc = await Rpc.create({
    ...options,
    handler: (request, context) => (textOf(request) === 'long' ? gate.handler(request, context) : request)
  })
  const long = rpc.send(bytesOf('long'))
  await gate.reached(1)
  return { rpc, long, gate }
}

/** What a caller gets whose request is larger than the server takes. */
const TOO_LARGE: PerWire<{ code: string; sent: boolean }> = {
  plain: { code: 'ERR_STREAM_RESET', sent: true },
  mux: { code: 'ERR_MESSAGE_TOO_LARGE', sent: false }
}

describe.each(WIRES)('beside a call that takes long, on the %s wire,', wire => {
  it('a protocol that is not served any more is told at once', async () => {
    const { rpc, long, gate } = await besideALongCall({ wire })
    await using _ = rpc
    const removed = rpc.server.remove(PROTOCOL)
    const failure = await within(1_000, 'the refusal', failureOf(rpc.send(HELLO)))
    expect(failure).toMatchObject({ code: 'ERR_PROTOCOL_UNSUPPORTED', sent: false })
    gate.open()
    await long
    await removed
  })

  it('requests that the server refuses do not hold up good ones', async () => {
    const { rpc, long, gate } = await besideALongCall({ wire, serverOptions: { maxBlockSize: 1_000 } })
    await using _ = rpc
    for (let count = 0; count < 5; count += 1) {
      const failure = failureOf(rpc.send(new Uint8Array(MIB)))
      expect(await within(1_000, 'the failure', failure)).toMatchObject(TOO_LARGE[wire])
    }
    expect(textOf(await within(200, 'the good call', rpc.send(HELLO)))).toBe('hello')
    gate.open()
    await long
  })
})

it('on the plain wire a server that had no room and then has is found out, although no call has ended', async () => {
  const gate = new Gate()
  const serverOptions = { maxConcurrentConns: 4 }
  await using rpc = await Rpc.create({ handler: gate.handler, serverOptions, clientOptions: { maxRetries: 20 } })
  await using other = new Client(rpc.pair.client, { wire: 'plain' })
  const taken = Array.from({ length: 3 }, () =>
    other.send(rpc.address, PROTOCOL, HELLO, { timeout: 500 }).catch(() => {})
  )
  await gate.reached(3)
  const calls = Array.from({ length: 4 }, () => rpc.send(HELLO))
  await Promise.all(taken)
  // All four get a stream, while none has been answered yet.
  await gate.reached(3 + 4)
  const opening = setInterval(() => gate.open(), 5)
  expect((await Promise.all(calls)).map(textOf)).toEqual(Array(4).fill('hello'))
  clearInterval(opening)
})

describe.each(WIRES)('a signal that was aborted with an error of another call, on the %s wire,', wire => {
  it.each(['ERR_STREAM_RESET', 'ERR_DIAL_FAILED'] as const)('says that this call was aborted: %s', async code => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const { PointSubError: OurError } = await import('../../../src/index.ts')
    const reason: PointSubError = new OurError(code, 'of another call', { peer: 'another', sent: false })
    const aborter = new AbortController()
    const failing = failureOf(rpc.send(HELLO, { signal: aborter.signal }))
    await gate.reached(1)
    aborter.abort(reason)
    const failure = await failing
    expect(failure).toMatchObject({ code: 'ERR_ABORTED', sent: true, peer: rpc.peer, cause: reason })
  })
})

it.each(WIRES)('on the %s wire a stream that has served its requests costs no call', async wire => {
  await using rpc = await Rpc.create({
    wire,
    serverOptions: { maxRequestsPerConn: 3 },
    clientOptions: { idempotent: false }
  })
  for (let index = 0; index < 60; index += 1) {
    expect(textOf(await rpc.send(bytesOf(`${index}`)))).toBe(`${index}`)
  }
  expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 60, totalConnections: 20 })
})
