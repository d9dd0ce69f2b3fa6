import { Server, type ServerOptions } from '../../src/index.ts'
import { ECHO, type ServerUsage } from './child-roles.ts'
import type { TestHost } from './hosts.ts'

/** How often it looks, in ms: a stream that comes and goes in between costs nothing worth measuring. */
const INTERVAL = 20

/** A Server of {@link ECHO} that watches what it uses. */
export class MeasuredServer {
  readonly #host: TestHost
  readonly #server: Server
  readonly #failures: Record<string, number> = {}
  #mostRss = 0
  #mostStreams = 0
  #mostAbove = 0

  private constructor(host: TestHost, options: ServerOptions) {
    this.#host = host
    this.#server = new Server(host, options)
    this.#server.addEventListener('failure', ({ detail: { error } }) => {
      this.#failures[error.code] = (this.#failures[error.code] ?? 0) + 1
    })
    setInterval(() => this.#look(), INTERVAL).unref()
  }

  static async start(host: TestHost, options: ServerOptions): Promise<MeasuredServer> {
    const measured = new MeasuredServer(host, options)
    await measured.#server.start(ECHO, request => request)
    return measured
  }

  get usage(): ServerUsage {
    return {
      rss: this.#look(),
      mostRss: this.#mostRss,
      mostStreams: this.#mostStreams,
      mostAbove: this.#mostAbove,
      openStreams: this.#openStreams,
      metrics: this.#server.getMetrics(),
      failures: this.#failures
    }
  }

  get #openStreams(): number {
    const streams = this.#host.getConnections().flatMap(connection => connection.streams)
    return streams.filter(({ protocol }) => protocol === ECHO).length
  }

  #look(): number {
    const rss = process.memoryUsage.rss()
    const streams = this.#openStreams
    this.#mostRss = Math.max(this.#mostRss, rss)
    this.#mostStreams = Math.max(this.#mostStreams, streams)
    this.#mostAbove = Math.max(this.#mostAbove, streams - this.#server.maxStreams)
    return rss
  }
}
