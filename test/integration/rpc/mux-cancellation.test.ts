import { describe, expect, it } from 'vitest'
import type { Handler, SendOptions } from '../../../src/index.ts'
import { bytesOf, KIB, MIB, randomBody, sameBytes, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { streamsOf } from '../../support/leftovers.ts'
import { PROTOCOL, Rpc, type RpcOptions } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'

const LARGE = randomBody(8 * MIB)

/** What became of the requests of a server: those that are handled, and why they were told to stop. */
class Watch {
  readonly handled: string[] = []
  readonly aborted: unknown[] = []
  readonly #release: (() => void)[] = []

  /** Requests of one byte wait to be released, others are answered by what `answer` makes of them. */
  handler(answer: (request: Uint8Array) => Uint8Array = request => request): Handler {
    return async (request, { signal }) => {
      this.handled.push(request.byteLength > 100 ? `${request.byteLength} bytes` : textOf(request))
      signal.addEventListener('abort', () => this.aborted.push(signal.reason))
      if (request.byteLength === 1) await new Promise<void>(resolve => this.#release.push(resolve))
      return answer(request)
    }
  }

  async reached(count: number): Promise<void> {
    await until(
      'requests are handled',
      () => this.handled.length,
      handled => handled >= count
    )
  }

  async told(count: number): Promise<void> {
    await until(
      'handlers are told',
      () => this.aborted.length,
      aborted => aborted >= count
    )
  }

  release(): void {
    for (const each of this.#release.splice(0)) each()
  }
}

async function scene(options: RpcOptions = {}): Promise<Rpc> {
  const rpc = await Rpc.create({
    wire: 'mux',
    ...options,
    serverOptions: { enableCompression: false, ...options.serverOptions },
    clientOptions: { enableCompression: false }
  })
  // A session is there with both of its streams, and the client knows what the server takes.
  expect((await rpc.send(new Uint8Array(300 * KIB))).byteLength).toBe(300 * KIB)
  return rpc
}

/** Everything else goes on as if nothing had been, and nothing is left. */
async function expectWhole(rpc: Rpc): Promise<void> {
  const answers = await Promise.all(['one', 'two', 'three'].map(text => rpc.send(bytesOf(text))))
  expect(answers.map(textOf)).toEqual(['one', 'two', 'three'])
  expect(rpc.failures).toEqual([])
  expect(rpc.client.getConnectionsInfo()).toHaveLength(1)
  expect(rpc.server.getMetrics()).toMatchObject({ activeRequests: 0 })
  await rpc.client.close()
  await rpc.nothingLeft()
}

const REASONS: [name: string, code: string, start: () => { options: SendOptions; cancel: () => void }][] = [
  [
    'its signal',
    'ERR_ABORTED',
    () => {
      const controller = new AbortController()
      return { options: { signal: controller.signal }, cancel: () => controller.abort() }
    }
  ],
  ['its timeout', 'ERR_TIMEOUT', () => ({ options: { timeout: 150 }, cancel: () => {} })]
]

describe.each(REASONS)('a call that is cancelled by %s', (_, code, start) => {
  it('while it waits for a place was never sent, and never handled', async () => {
    const watch = new Watch()
    await using rpc = await scene({ handler: watch.handler(), serverOptions: { maxConcurrentRequestsPerConn: 1 } })
    const holder = rpc.send(bytesOf('h'))
    await watch.reached(2)
    const { options, cancel } = start()
    const waiting = failureOf(rpc.send(bytesOf('waiting'), options))
    cancel()
    expect(await waiting).toMatchObject({ code, sent: false, remote: false })
    watch.release()
    await holder
    await expectWhole(rpc)
    expect(watch.handled).not.toContain('waiting')
    expect(watch.aborted).toEqual([])
  })

  it('while it is handled was sent, and its handler is told so', async () => {
    const watch = new Watch()
    await using rpc = await scene({ handler: watch.handler() })
    const { options, cancel } = start()
    const call = failureOf(rpc.send(bytesOf('c'), options))
    await watch.reached(2)
    cancel()
    expect(await call).toMatchObject({ code, sent: true, remote: false })
    await watch.told(1)
    // Whichever of the two is first: the deadline here, or the word of the client that it was over there.
    expect(['ERR_ABORTED', code]).toContain((watch.aborted[0] as { code: string }).code)
    watch.release()
    await expectWhole(rpc)
  })
})

describe('a call that is cancelled', () => {
  it('in the tick it was made, or some microtasks later, has either left and says so, or is never handled', async () => {
    const watch = new Watch()
    await using rpc = await scene({ handler: watch.handler() })
    const outcomes: [sent: boolean | undefined, name: string][] = []
    for (let microtasks = 0; microtasks < 40; microtasks += 1) {
      const controller = new AbortController()
      const name = `call ${microtasks}`
      const call = failureOf(rpc.send(bytesOf(name), { signal: controller.signal }))
      for (let done = 0; done < microtasks; done += 1) await Promise.resolve()
      controller.abort()
      outcomes.push([(await call).sent, name])
    }
    await expectWhole(rpc)
    const unsent = outcomes.filter(([sent]) => sent === false).map(([, name]) => name)
    expect(unsent).toContain('call 0')
    expect(unsent.length).toBeLessThan(40)
    expect(watch.handled.filter(name => unsent.includes(name))).toEqual([])
    // All that have left are handled, for the word that they are not needed comes behind them.
    const sent = outcomes.filter(([isSent]) => isSent === true).map(([, name]) => name)
    expect(sent.length + unsent.length).toBe(40)
  })

  it('with half of a large request sent stops that, and leaves the data stream to the others', async () => {
    const watch = new Watch()
    const answer = (request: Uint8Array): Uint8Array =>
      request.byteLength > MIB ? bytesOf(sameBytes(request, LARGE) ? 'intact' : 'broken') : request
    await using rpc = await scene({ handler: watch.handler(answer) })
    for (let round = 0; round < 3; round += 1) {
      const controller = new AbortController()
      const halves = Array.from({ length: 4 }, () =>
        failureOf(rpc.send(new Uint8Array(LARGE.byteLength), { signal: controller.signal }))
      )
      const whole = rpc.send(LARGE)
      await came(rpc, 'server', 2 * MIB)
      controller.abort()
      for (const error of await Promise.all(halves)) expect(error).toMatchObject({ code: 'ERR_ABORTED', sent: true })
      expect(textOf(await whole)).toBe('intact')
    }
    expect(watch.handled.filter(name => name === `${LARGE.byteLength} bytes`)).toHaveLength(3)
    await expectWhole(rpc)
  })

  it('with half of a large answer received throws that away, and leaves the data stream to the others', async () => {
    const watch = new Watch()
    await using rpc = await scene({ handler: watch.handler(request => (request.byteLength < 5 ? LARGE : request)) })
    for (let round = 0; round < 3; round += 1) {
      const controller = new AbortController()
      const { signal } = controller
      const halves = Array.from({ length: 4 }, () => failureOf(rpc.send(bytesOf('half'), { signal })))
      const whole = rpc.send(bytesOf('all'))
      await came(rpc, 'client', 2 * MIB)
      controller.abort()
      for (const error of await Promise.all(halves)) expect(error).toMatchObject({ code: 'ERR_ABORTED', sent: true })
      expect(sameBytes(await whole, LARGE)).toBe(true)
    }
    // Their handlers had answered: there was nobody to tell.
    expect(watch.aborted).toEqual([])
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('by close() of the client tells every handler', async () => {
    const watch = new Watch()
    await using rpc = await scene({ handler: watch.handler() })
    const calls = Array.from({ length: 50 }, () => failureOf(rpc.send(bytesOf('c'))))
    await watch.reached(51)
    await within(2_000, 'close()', rpc.client.close())
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'ERR_CLIENT_CLOSED', sent: true })
    await watch.told(50)
    watch.release()
    await rpc.nothingLeft()
  })
})

/** Counts the bytes that come to one side of the scene from now on; resolves when there are more than so many. */
async function came(rpc: Rpc, side: 'server' | 'client', enough: number): Promise<void> {
  let bytes = 0
  for (const stream of streamsOf(PROTOCOL, rpc.pair[side])) {
    stream.addEventListener('message', ({ data }) => {
      bytes += data.byteLength
    })
  }
  await until(
    'a part of the bodies has come',
    () => bytes,
    some => some > enough
  )
}
