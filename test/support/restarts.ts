import { generateKeyPair } from '@libp2p/crypto/keys'
import { expect } from 'vitest'
import { Client, type ClientOptions, type Handler, PointSubError, Server } from '../../src/index.ts'
import { bytesOf, join, KIB, randomBody, textOf } from './bytes.ts'
import { addressOf, ourHost, type TestHost } from './hosts.ts'
import { nothingLeft } from './leftovers.ts'
import { PROTOCOL } from './rpc.ts'
import { forgetArmedTimers } from './timers.ts'

/** How the server comes back: on the same host, there before the old one is done, or on another host of the same identity. */
export type Restart = 'same host' | 'overlapping' | 'new host'

/** What became of the calls, by the ids they carry. */
export class Ledger {
  /** How often a handler had it. */
  readonly ran: Map<string, number> = new Map()
  readonly answered: Set<string> = new Set()
  readonly failed: Map<string, PointSubError> = new Map()
  /** The wires of the streams that the clients had at the end. */
  readonly wires: Set<string> = new Set()

  /** A handler that is at work for a turn of the event loop or for some milliseconds. */
  readonly handler: Handler = async request => {
    const [id = ''] = textOf(request.subarray(0, 40)).split('\n')
    this.ran.set(id, (this.ran.get(id) ?? 0) + 1)
    // Most take no time, some take long enough for a drain to be one.
    const pause = id.endsWith('00') ? 100 : Number(id.slice(-1))
    await new Promise<void>(resolve => (pause < 5 ? setImmediate(resolve) : setTimeout(resolve, pause)))
    return bytesOf(id)
  }

  /** The codes of the failures of some ids. */
  codes(isWanted: (error: PointSubError) => boolean): Record<string, number> {
    const codes: Record<string, number> = {}
    for (const error of this.failed.values()) if (isWanted(error)) codes[error.code] = (codes[error.code] ?? 0) + 1
    return codes
  }
}

const PADDING = randomBody(300 * KIB)

/** Two of a hundred are large. */
function requestOf(id: string): Uint8Array {
  return /[05]7$/.test(id) ? join(bytesOf(`${id}\n`), PADDING) : bytesOf(id)
}

/** A server that is restarted again and again while it is called all the time. */
class Restarts implements AsyncDisposable {
  readonly ledger: Ledger = new Ledger()
  readonly #here: TestHost
  #there: TestHost
  #server: Server
  readonly #privateKey: Awaited<ReturnType<typeof generateKeyPair>>

  private constructor(here: TestHost, there: TestHost, key: Awaited<ReturnType<typeof generateKeyPair>>) {
    this.#here = here
    this.#there = there
    this.#privateKey = key
    this.#server = new Server(there)
  }

  static async create(): Promise<Restarts> {
    forgetArmedTimers()
    const privateKey = await generateKeyPair('Ed25519')
    const restarts = new Restarts(await ourHost(), await ourHost({ privateKey }), privateKey)
    await restarts.#server.start(PROTOCOL, restarts.ledger.handler)
    return restarts
  }

  async restart(how: Restart): Promise<void> {
    const before = this.#server
    const stopped = before.stop({ grace: 10_000 })
    if (how !== 'overlapping') await stopped
    if (how === 'new host') {
      const address = addressOf(this.#there).toString().split('/p2p/')[0] ?? ''
      await this.#there.stop()
      this.#there = await ourHost({ privateKey: this.#privateKey, listen: [address] })
    }
    this.#server = new Server(this.#there)
    await this.#server.start(PROTOCOL, this.ledger.handler)
    await stopped
    const { failedRequests, activeRequests } = before.getMetrics()
    if (failedRequests + activeRequests > 0) throw new Error('the server was done before its requests were')
  }

  /** Calls with so many at once until `task` has ended. */
  async during(task: Promise<void>, name: string, concurrency: number, options: ClientOptions): Promise<void> {
    const { ledger } = this
    const over = new AbortController()
    let count = 0
    const client = new Client(this.#here, options)
    const work = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const id = `${name} ${count}`
        count += 1
        try {
          expect(textOf(await client.send(addressOf(this.#there), PROTOCOL, requestOf(id)))).toBe(id)
          ledger.answered.add(id)
        } catch (error) {
          if (!(error instanceof PointSubError)) throw error
          ledger.failed.set(id, error)
          // Nothing but the next call is to be tried at once.
          await new Promise(resolve => setTimeout(resolve, 1))
        }
      }
    }
    const ended = task.finally(() => over.abort())
    await Promise.all([ended, ...Array.from({ length: concurrency }, work)])
    for (const { wire } of client.getConnectionsInfo()) ledger.wires.add(wire)
    await client.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop({ grace: 0 })
    await nothingLeft(PROTOCOL, [this.#here, this.#there])
    await Promise.all([this.#here.stop(), this.#there.stop()])
  }
}

/**
 * Restarts a server so many times while it is called with 64 requests at once, half of them idempotent ones: no request
 * that was accepted is lost, and none runs twice.
 *
 * @returns what became of the calls, for what differs between the ways to restart
 */
export async function restartUnderLoad(how: Restart, times: number, wire: 'auto' | 'mux'): Promise<Ledger> {
  await using restarts = await Restarts.create()
  const { ledger } = restarts
  const once: ClientOptions = { wire, idempotent: false, retryInterval: 20, maxRetries: 3 }
  const again: ClientOptions = { wire, retryInterval: 20, maxRetries: 30, retryBudget: 100_000 }
  const enough = async (since: number): Promise<void> => {
    // Calls are answered between two restarts, too.
    while (ledger.answered.size < since + 200) await new Promise(resolve => setTimeout(resolve, 5))
  }
  const restart = async (): Promise<void> => {
    await enough(0)
    for (let time = 0; time < times; time += 1) {
      await restarts.restart(how)
      await enough(ledger.answered.size)
    }
  }
  const task = restart()
  await Promise.all([restarts.during(task, 'once', 32, once), restarts.during(task, 'again', 32, again)])
  expect(ledger.answered.size).toBeGreaterThan(200 * times)
  for (const id of ledger.answered) expect([id, ledger.ran.get(id)]).toEqual([id, 1])
  for (const [id, { sent }] of ledger.failed) {
    expect(ledger.ran.get(id), `${id} ran, and was not answered`).toBeUndefined()
    if (wire === 'mux') expect(sent).toBe(false)
  }
  return ledger
}
