import { setTimeout as rest } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MIB } from '../../support/bytes.ts'
import { hostSockets } from '../../support/faults/sockets.ts'
import { OWN_WAYS } from '../../support/tls/nodes.ts'
import { countBytes, SecuredPair } from '../../support/tls/secured.ts'
import { turn, until, within } from '../../support/until.ts'

const PROMPT = 5_000

describe.each(OWN_WAYS)('a secured connection, $dialler to $listener', ways => {
  let pair: SecuredPair
  beforeEach(async () => {
    pair = await SecuredPair.create(ways)
  })
  afterEach(async () => pair[Symbol.asyncDispose]())

  it('sends what waits for room before it closes', async () => {
    const { dialled, accepted } = pair
    const count = countBytes(accepted)
    expect(dialled.send(new Uint8Array(MIB))).toBe(false)
    for (let i = 0; i < 7; i += 1) dialled.send(new Uint8Array(MIB))
    expect(dialled.writeBufferLength).toBe(7 * MIB)
    await within(PROMPT, 'close()', dialled.close())
    await until(
      'all of it arrives',
      () => count.length,
      length => length === 8 * MIB
    )
    expect(dialled.status).toBe('closed')
  })

  it('takes no harm from what is sent while it closes', async () => {
    const { dialled, accepted } = pair
    const count = countBytes(accepted)
    dialled.send(new Uint8Array(4 * MIB))
    const closing = dialled.close()
    dialled.send(new Uint8Array(1))
    await turn()
    if (dialled.status === 'open') dialled.send(new Uint8Array(1))
    await within(PROMPT, 'close()', closing)
    await until(
      'all of it arrives',
      () => count.length,
      length => length === 4 * MIB
    )
    expect(dialled.status).toBe('closed')
  })

  it('a reader that takes a break gets all of it, and holds back who sends', async () => {
    const { dialled, accepted } = pair
    const count = countBytes(accepted)
    accepted.pause()
    let sent = 0
    while (dialled.send(new Uint8Array(MIB)) || (await drains(dialled))) sent += MIB
    sent += MIB
    expect(dialled.writeBufferLength).toBe(0)
    expect(accepted.readBufferLength).toBeLessThan(MIB)
    expect(count.length).toBe(0)
    accepted.resume()
    await until(
      'all of it arrives',
      () => count.length,
      length => length === sent
    )
  })

  it.each([0, 1, 2, 3, 4])('abort() %i ticks after close() leaves no socket', async ticks => {
    const { dialled, accepted } = pair
    const closing = dialled.close().catch(() => {})
    for (let tick = 0; tick < ticks; tick += 1) await new Promise<void>(resolve => process.nextTick(resolve))
    dialled.abort(new Error('enough'))
    await closing
    await until('the sockets are closed', hostSockets, open => open.length === 0, { within: PROMPT })
    expect(accepted.status).not.toBe('open')
  })

  it('abort() resets the other side', async () => {
    const { dialled, accepted } = pair
    const closed = new Promise<Error | undefined>(resolve => {
      accepted.addEventListener('close', ({ error }) => resolve(error), { once: true })
    })
    dialled.abort(new Error('enough'))
    expect(await within(PROMPT, 'the other side ends', closed)).toBeInstanceOf(Error)
    expect([dialled.status, accepted.status]).toEqual(['aborted', 'aborted'])
    await until('the sockets are closed', hostSockets, open => open.length === 0, { within: PROMPT })
  })
})

it('on a TCP socket, closes when the other side does, once what it has sent is read', async () => {
  await using pair = await SecuredPair.create({ dialler: 'socket', listener: 'socket' })
  const { dialled, accepted } = pair
  accepted.pause()
  dialled.send(new Uint8Array(100))
  await dialled.close()
  accepted.resume()
  const count = countBytes(accepted)
  await until(
    'the other side has closed',
    () => [accepted.status, count.length],
    ([status]) => status === 'closed'
  )
  expect(count.length).toBe(100)
})

it('on a TCP socket, close() leaves time to a peer that still sends to take what it was sent', async () => {
  await using pair = await SecuredPair.create({ dialler: 'socket', listener: 'socket' })
  const { dialled, accepted } = pair
  const [here, there] = [countBytes(dialled), countBytes(accepted)]
  accepted.pause()
  dialled.send(new Uint8Array(MIB))
  const closing = dialled.close()
  // Time enough to send all and its own end.
  for (let i = 0; i < 100; i += 1) await turn()
  for (let sent = 1; sent < 4; sent += 1) {
    accepted.send(new Uint8Array(1))
    await until(
      'the closing side still reads',
      () => here.length,
      length => length === sent
    )
  }
  accepted.resume()
  await until(
    'all of it arrives',
    () => there.length,
    length => length === MIB
  )
  await closing
})

/** Whether there is room again before long. */
async function drains(connection: EventTarget): Promise<boolean> {
  const room = new Promise<boolean>(resolve => {
    connection.addEventListener('drain', () => resolve(true), { once: true })
  })
  return Promise.race([room, rest(200, false)])
}
