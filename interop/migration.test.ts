import { inspect } from 'node:util'
import PQueue from 'p-queue'
import { describe, expect, inject, test } from 'vitest'
import { Client, Server } from '../src/index.ts'
import { createHost } from '../src/host/index.ts'
import { randomBody, same } from './bytes.ts'
import type { Host } from './hosts.ts'
import { WirePeer } from './peer.ts'

const ECHO = '/echo/1.0.0'
/** Of Go, and as many of ours. */
const PEERS = 50
/** How many others each peer calls; every other one of them is of its own kind. */
const NEIGHBOURS = 10
/** Calls to each of them. */
const EACH = 20
const SIZE = 200
/** Peers of each kind that call at the same time. */
const CALLING = 10
/** How long a dial may take, in ms: all of ours share one thread, with 1,000 handshakes on it. */
const PATIENCE = 20_000

/** One of ours: a server and a client on one host. */
class Ours implements AsyncDisposable {
  readonly #host: Host
  readonly #client: Client
  readonly #server: Server

  constructor(host: Host) {
    this.#host = host
    this.#client = new Client(host, { maxRetries: 0, connectTimeout: PATIENCE })
    this.#server = new Server(host)
  }

  static async start(): Promise<Ours> {
    const ours = new Ours(await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'], addressDialTimeout: PATIENCE }))
    await ours.#server.start(ECHO, request => request)
    return ours
  }

  get address(): string {
    return this.#host.getMultiaddrs()[0]?.toString() ?? ''
  }

  /** How many requests it has answered. */
  get served(): number {
    return this.#server.getMetrics().totalRequests
  }

  /** Calls one neighbour after the other; what failed. */
  async callAll(neighbours: string[]): Promise<unknown[]> {
    const failures: unknown[] = []
    for (const neighbour of neighbours) {
      for (let i = 0; i < EACH; i++) {
        const request = randomBody(SIZE)
        try {
          if (!same(await this.#client.send(neighbour, ECHO, request), request)) failures.push('another answer')
        } catch (error) {
          failures.push(inspect(error, { depth: 4 }))
        }
      }
    }
    return failures
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#client.close(), this.#server.stop({ grace: 0 })])
    await this.#host.stop()
  }
}

const ones = inject('peers').filter(({ info }) => info.swarm === true && info.dialect === 'dep2p')

describe.each(ones)('$info.name', ({ path }) => {
  test('50 peers of Go and 50 of ours on one network, each a server and a client, lose none of 20,000 requests', {
    timeout: 120_000
  }, async () => {
    await using stack = new AsyncDisposableStack()
    // As PointSub's clients they leave every stream open.
    const go = stack.use(
      new WirePeer(path, 'swarm', { peers: PEERS, protocol: ECHO, size: SIZE, mode: 'leak', concurrency: CALLING })
    )
    const ours = await Promise.all(Array.from({ length: PEERS }, async () => stack.use(await Ours.start())))
    const ready = await go.until('ready', lines => lines.length === PEERS)

    // Around the circle sits a peer of Go beside each of ours.
    const circle = ours.flatMap(({ address }, i) => [address, ready[i]?.addrs[0] ?? ''])
    const neighbours = (place: number): string[] =>
      Array.from({ length: NEIGHBOURS }, (_, i) => circle[(place + 1 + i) % circle.length] ?? '')
    go.tell(JSON.stringify({ calls: ready.map((_, i) => neighbours(2 * i + 1)), each: EACH }))
    const turns = new PQueue({ concurrency: CALLING })
    const failures = await turns.addAll(ours.map((one, i) => () => one.callAll(neighbours(2 * i))))

    expect(failures.flat()).toEqual([])
    const done = await go.first('done')
    expect(go.lines('error')).toEqual([])
    expect(done).toMatchObject({ ok: PEERS * NEIGHBOURS * EACH, failed: 0 })
    expect(ours.reduce((sum, one) => sum + one.served, 0)).toBe(PEERS * NEIGHBOURS * EACH)
  })
})
