import { Daemon, freePort, TemporaryFolder } from './programs.ts'

/** A Redis of our own: in a temporary folder, on a port of loopback, nothing kept. */
export class RedisServer implements AsyncDisposable {
  readonly #folder = new TemporaryFolder()
  readonly #server: Daemon
  readonly port: number

  private constructor(port: number) {
    this.port = port
    const settings = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no']
    this.#server = new Daemon('redis-server', [...settings, '--dir', this.#folder.path], { cwd: this.#folder.path })
  }

  static async start(): Promise<RedisServer> {
    const redis = new RedisServer(await freePort())
    await redis.#server.says('Ready to accept connections')
    return redis
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop('SIGKILL')
    this.#folder[Symbol.dispose]()
  }
}
