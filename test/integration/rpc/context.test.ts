import { describe, expect, it } from 'vitest'
import type { Handler, RequestContext } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'
import { WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

/** A handler that works until its signal is aborted, and notes that. */
class Worker {
  contexts: RequestContext[] = []
  aborted = 0

  readonly handler: Handler = (request, context) => {
    this.contexts.push(context)
    return new Promise(resolve => {
      context.signal.addEventListener('abort', () => {
        this.aborted += 1
        resolve(request)
      })
    })
  }

  async busy(count: number): Promise<void> {
    await until(
      'handlers at work',
      () => this.contexts.length,
      number => number >= count
    )
  }

  async stopped(count: number): Promise<void> {
    await until(
      'handlers told to stop',
      () => this.aborted,
      number => number >= count
    )
  }
}

/** Waits until only the stream of the last call is left. */
async function aloneOnServer(rpc: Rpc): Promise<void> {
  await until(
    'the server has lost the other stream',
    () => rpc.servedStreams,
    streams => streams === 1
  )
}

describe.each(WIRES)("a handler's context on the %s wire", wire => {
  it('tells who asks, and by which protocol', async () => {
    const handler: Handler = (_, { peer, protocol }) => bytesOf(`${peer.toString()} ${protocol}`)
    await using rpc = await Rpc.create({ wire, handler })
    expect(textOf(await rpc.send(HELLO))).toBe(`${rpc.pair.client.peerId.toString()} ${PROTOCOL}`)
  })

  it('has a signal that is aborted when the caller aborts', async () => {
    const worker = new Worker()
    await using rpc = await Rpc.create({ wire, handler: worker.handler })
    const controller = new AbortController()
    const call = failureOf(rpc.send(HELLO, { signal: controller.signal }))
    await worker.busy(1)
    controller.abort()
    await worker.stopped(1)
    expect(await call).toMatchObject({ code: 'ERR_ABORTED' })
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it("has a signal that is aborted when the caller's time is over", async () => {
    const worker = new Worker()
    await using rpc = await Rpc.create({ wire, handler: worker.handler })
    await rpc.pair.connect()
    // Long enough for a busy machine to have begun with it.
    const call = failureOf(rpc.send(HELLO, { timeout: 500 }))
    await worker.stopped(1)
    expect(await call).toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it('has a signal that is aborted when the client is closed', async () => {
    const worker = new Worker()
    await using rpc = await Rpc.create({ wire, handler: worker.handler })
    const calls = Promise.all(Array.from({ length: 10 }, () => failureOf(rpc.send(HELLO))))
    await worker.busy(10)
    await rpc.client.close()
    await worker.stopped(10)
    await calls
    await rpc.nothingLeft()
  })

  it('has a signal that is aborted when the connection is lost', async () => {
    const worker = new Worker()
    await using rpc = await Rpc.create({ wire, handler: worker.handler })
    const call = failureOf(rpc.send(HELLO))
    await worker.busy(1)
    rpc.pair.client.getConnections()[0]?.abort(new Error('cut'))
    await worker.stopped(1)
    await call
    await rpc.nothingLeft()
  })

  it('has a signal that is aborted already when it is asked for too late', async () => {
    let ask: (() => boolean) | undefined
    let answer: (() => void) | undefined
    const handler: Handler = (request, context) => {
      if (request.byteLength === 0) return request
      ask = () => context.signal.aborted
      return new Promise(resolve => {
        answer = () => resolve(request)
      })
    }
    await using rpc = await Rpc.create({ wire, handler })
    await rpc.pair.connect()
    const call = failureOf(rpc.send(HELLO, { timeout: 500 }))
    await call
    // What comes behind the news that it was given up.
    await rpc.send(new Uint8Array(0))
    if (wire === 'plain') await aloneOnServer(rpc)
    expect(ask?.()).toBe(true)
    answer?.()
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('has a signal of its own for each request: one that was answered is never aborted', async () => {
    const signals: AbortSignal[] = []
    const handler: Handler = (request, { signal }) => {
      signals.push(signal)
      return request
    }
    await using rpc = await Rpc.create({ wire, handler })
    for (let index = 0; index < 5; index += 1) await rpc.send(HELLO)
    expect(new Set(signals).size).toBe(5)
    rpc.pair.client.getConnections()[0]?.abort(new Error('cut'))
    await rpc.nothingLeft()
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false, false, false])
  })
})
