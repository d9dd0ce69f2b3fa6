import { join } from 'node:path'
import { certificateFor } from './certificates.ts'
import { type Account, accountOf, Daemon, freePort, runProgram, TemporaryFolder } from './programs.ts'

const NAME = 'localhost'

/** A PostgreSQL of our own: in a temporary folder, on a port of loopback. */
export class Postgres implements AsyncDisposable {
  readonly #folder: TemporaryFolder
  readonly #account: Account
  #server: Daemon | undefined
  readonly port: number
  /** Of its TLS, for the name `localhost`. */
  readonly certificate: string

  private constructor(folder: TemporaryFolder, account: Account, port: number, certificate: string) {
    this.certificate = certificate
    this.#folder = folder
    this.#account = account
    this.port = port
  }

  static async start(): Promise<Postgres> {
    const account = await accountOf('postgres')
    const certificate = await certificateFor(NAME)
    const postgres = new Postgres(new TemporaryFolder(), account, await freePort(), certificate.cert)
    postgres.#folder.write('cert.pem', certificate.cert)
    postgres.#folder.write('key.pem', certificate.key)
    postgres.#folder.giveTo(account)
    const options = ['--username=tester', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync']
    await runProgram('initdb', [`--pgdata=${postgres.#data}`, ...options], postgres.#environment)
    await postgres.start()
    return postgres
  }

  get #data(): string {
    return join(this.#folder.path, 'data')
  }

  get #environment(): Account & { cwd: string } {
    return { ...this.#account, cwd: this.#folder.path }
  }

  /** Starts it, again after a `kill()`, and waits until it answers. */
  async start(): Promise<void> {
    const settings = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'fsync=off',
      'max_connections=50',
      'ssl=on',
      `ssl_cert_file=${join(this.#folder.path, 'cert.pem')}`,
      `ssl_key_file=${join(this.#folder.path, 'key.pem')}`
    ]
    const args = ['-D', this.#data, '-p', String(this.port), ...settings.flatMap(setting => ['-c', setting])]
    const server = new Daemon('postgres', args, this.#environment)
    this.#server = server
    await server.says('ready to accept connections')
  }

  /** Ends it at once, without a word to its clients: "immediate shutdown". */
  async kill(): Promise<void> {
    await this.#server?.stop('SIGQUIT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    this.#folder[Symbol.dispose]()
  }
}
