import { createHash } from 'node:crypto'
import { type Conn, dial, type Listener, listen } from '../../../src/index.ts'
import { createNetwork, type FaultOptions, type Network, type NetworkHost } from '../../../src/testing/index.ts'
import { type Leftovers, leftovers, nothingLeft } from '../../support/leftovers.ts'
import { forgetArmedTimers } from '../../support/timers.ts'

export const PROTOCOL = '/line/1.0.0'

/** Two hosts in memory, and Conns between them. */
export class Line implements AsyncDisposable {
  readonly network: Network
  readonly near: NetworkHost
  readonly far: NetworkHost
  readonly #listener: Listener
  #before: Leftovers | undefined

  private constructor(network: Network, near: NetworkHost, far: NetworkHost, listener: Listener) {
    this.network = network
    this.near = near
    this.far = far
    this.#listener = listener
  }

  static async create(faults: FaultOptions = {}, seed = 1): Promise<Line> {
    forgetArmedTimers()
    const network = await createNetwork({ seed, faults })
    const [near, far] = network.hosts
    if (near === undefined || far === undefined) throw new Error('not two hosts')
    return new Line(network, near, far, await listen(far, PROTOCOL))
  }

  /** One Conn: the opener's end and the other. */
  async conn(): Promise<[Conn, Conn]> {
    const opening = dial(this.near, this.far.peerId, PROTOCOL)
    const [near, far] = await Promise.all([opening, this.#listener.accept()])
    this.#before ??= leftovers('/none', this.network.hosts)
    return [near, far]
  }

  /** Waits until no stream, timer or listener is left, with the connection still open. */
  nothingLeft(): Promise<void> {
    return nothingLeft(PROTOCOL, this.network.hosts, this.#before)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.close()
    await this.network.stop()
  }
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export async function readToEnd(conn: Conn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of conn) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}

/** Sends back what comes, then ends. */
export async function echo(conn: Conn): Promise<void> {
  for await (const chunk of conn) await conn.write(chunk)
  await conn.closeWrite()
}

/** Milliseconds that something takes. */
export async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}
