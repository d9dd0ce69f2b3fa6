import { MemoryBudget } from '../../src/core/memory-budget.ts'
import type { PointSubError } from '../../src/core/errors.ts'
import { resolveOptions } from '../../src/core/option-table.ts'
import { OPTIONS } from '../../src/core/options.ts'
import type { Conn } from '../../src/conn/conn.ts'
import { ClientSession } from '../../src/mux/client-session.ts'
import { MuxService } from '../../src/rpc/mux-service.ts'
import type { MuxStream } from '../../src/rpc/mux-stream.ts'
import { Sweeper } from '../../src/rpc/sweeper.ts'
import type { Counters } from '../../src/rpc/types.ts'
import type { ClientOptions, Handler, ServerOptions } from '../../src/index.ts'
import { memoryConn, MemoryStream } from './memory-stream.ts'
import type { Random } from './random.ts'
import { MUX } from './raw-mux.ts'
import { PROTOCOL } from './rpc.ts'
import { until } from './until.ts'

const MIB = 1024 * 1024

export interface MuxRigOptions {
  readonly handler: Handler
  readonly serverOptions?: ServerOptions
  readonly clientOptions?: ClientOptions
}

/** A service of the mux wire without hosts: sessions with it are streams in memory. */
export class MuxRig {
  readonly service: MuxService
  readonly budget: MemoryBudget = new MemoryBudget(64 * MIB, 64 * MIB)
  readonly metrics: Counters = {
    totalRequests: 0,
    failedRequests: 0,
    activeRequests: 0,
    totalConnections: 0,
    bytesRead: 0,
    bytesWritten: 0
  }
  /** Of the server, as they come. */
  readonly failures: PointSubError[] = []
  readonly served: Set<MuxStream> = new Set()
  readonly #sweeper: Sweeper
  readonly #clientOptions: ReturnType<typeof resolveOptions<typeof OPTIONS.client>>

  constructor({ handler, serverOptions = {}, clientOptions = {} }: MuxRigOptions) {
    this.#clientOptions = resolveOptions(OPTIONS.client, clientOptions, 'MuxRig')
    const options = resolveOptions(OPTIONS.server, serverOptions, 'MuxRig')
    this.#sweeper = new Sweeper(Math.min(options.readTimeout, options.writeTimeout, options.idleTimeout))
    this.service = new MuxService({
      protocol: PROTOCOL,
      handler,
      options,
      metrics: this.metrics,
      budget: this.budget,
      onFailure: (_, error) => this.failures.push(error)
    })
  }

  /** A stream to the service; the end that opened it. */
  open(random?: Random, connection: { status: string } = { status: 'open' }, window?: number): MemoryStream {
    const [near, far] = MemoryStream.pair(MUX, random, window)
    const stream = this.service.serve(memoryConn(far, connection))
    this.served.add(stream)
    this.#sweeper.add(stream)
    void stream.conn.closed.then(() => {
      this.served.delete(stream)
      this.#sweeper.delete(stream)
    })
    return near
  }

  /** A session with the service, or whatever `open` leads to. */
  session(open: () => MemoryStream = () => this.open(), connection = { status: 'open' }): ClientSession {
    const openConn = (): Conn => memoryConn(open(), connection)
    return new ClientSession(openConn(), {
      options: this.#clientOptions,
      protocol: PROTOCOL,
      openData: async () => openConn(),
      onClosed: () => {}
    })
  }

  /** Waits until no request, no byte and no more than so many streams are left. */
  async nothingLeft(streams = 0): Promise<void> {
    await until(
      'nothing is left of the sessions',
      () => ({ streams: this.served.size, requests: this.metrics.activeRequests, bytes: this.budget.bytes }),
      left => left.streams <= streams && left.requests === 0 && left.bytes === 0
    )
  }
}
