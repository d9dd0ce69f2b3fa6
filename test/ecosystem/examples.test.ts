import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { within } from '../support/until.ts'
import { Postgres } from './support/postgres.ts'
import { runProgram, TemporaryFolder } from './support/programs.ts'
import { RedisServer } from './support/redis.ts'

const ROOT = new URL('../..', import.meta.url).pathname

function commandOf(example: string, ...args: string[]): string[] {
  return ['--conditions=@pointsub/source', join(ROOT, 'examples', example), ...args]
}

async function run(example: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, commandOf(example), { timeout: 20_000 })
  return stdout.trimEnd().split('\n')
}

/** An example that runs until it is stopped, and prints one line before. */
class Running implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly line: string

  private constructor(child: ChildProcess, line: string) {
    this.#child = child
    this.line = line
  }

  static async start(env: NodeJS.ProcessEnv, example: string, ...args: string[]): Promise<Running> {
    const child = spawn(process.execPath, commandOf(example, ...args), {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env }
    })
    const [line] = await within(20_000, `${example} prints a line`, once(createInterface(child.stdout), 'line'))
    return new Running(child, line)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.kill()
    await exited
  }
}

describe('the example', () => {
  it('http-over-peers.ts asks over HTTP', async () => {
    const lines = await run('http-over-peers.ts')
    const [bob] = lines.flatMap(line => line.match(/^bob is (.*)$/)?.[1] ?? [])
    expect(lines).toContain(`200 GET /, asked by peer ${bob}`)
    expect(lines).toContain(`200 GET /again?on=the+same+socket, asked by peer ${bob}`)
    expect(lines.at(-1)).toBe('getaddrinfo ENOTFOUND carol')
  })

  it('errors-and-metadata.ts buys, and is told why not', async () => {
    const lines = await run('errors-and-metadata.ts')
    const inOrder = ['2 left', 'bread for bob', "alice's log: the handler failed: the shelf of tea fell down"]
    expect(lines.filter(line => inOrder.includes(line))).toEqual(inOrder)
    expect(lines.join(' ')).toMatch(/ERR_SOLD_OUT there is no milk .*retryAfter: 86400000, .*supplier: 'the farm'/)
    expect(lines).toContain('ERR_REMOTE the handler of the peer failed { remote: true, retryAfter: undefined }')
    expect(lines.slice(-2).toSorted()).toEqual(['ERR_ABORTED sent: true', 'alice stops baking'])
  })

  it('websocket.ts chats', async () => {
    const said = ['bob: hello, carol', 'carol: hello, bob']
    const heard = said.flatMap(text => ['bob', 'carol'].map(name => `${name} reads "${text}"`))
    expect((await run('websocket.ts')).toSorted()).toEqual(heard.toSorted())
  })

  it('postgres-tunnel.ts reaches a PostgreSQL, with one peer id over restarts', async () => {
    await using postgres = await Postgres.start()
    using folder = new TemporaryFolder()
    const IDENTITY = join(folder.path, 'identity')
    const serve = (LISTEN: string): Promise<Running> =>
      Running.start({ IDENTITY, LISTEN }, 'postgres-tunnel.ts', 'serve', String(postgres.port), '127.0.0.1')
    let there = await serve('/ip4/127.0.0.1/tcp/0')
    await using here = await Running.start({}, 'postgres-tunnel.ts', 'open', there.line)
    const client = { host: '127.0.0.1', port: Number(here.line), user: 'tester', database: 'postgres' }
    const { host, user, database } = client
    const select = ['-h', host, '-p', here.line, '-U', user, '-d', database, '-tAc', 'select 6 * 7']
    expect((await runProgram('psql', select)).trim()).toBe('42')

    const pool = new pg.Pool({ ...client, max: 5 })
    const rows = await Promise.all(Array.from({ length: 100 }, (_, i) => pool.query('select $1::int as i', [i])))
    expect(rows.map(result => result.rows[0].i)).toEqual(rows.map((_, i) => i))
    await pool.end()

    const address = there.line.replace(/\/p2p\/.*/, '')
    const { line } = there
    await there[Symbol.asyncDispose]()
    await expect(runProgram('psql', select)).rejects.toThrow(
      /server closed the connection|could not connect|Connection refused|reset/
    )
    there = await serve(address)
    expect(there.line).toBe(line)
    expect((await runProgram('psql', select)).trim()).toBe('42')
    await there[Symbol.asyncDispose]()
  })

  it('postgres-tunnel.ts reaches any other TCP service, too', async () => {
    await using server = await RedisServer.start()
    await using there = await Running.start({}, 'postgres-tunnel.ts', 'serve', String(server.port), '127.0.0.1')
    await using here = await Running.start({}, 'postgres-tunnel.ts', 'open', there.line)
    const redis = new Redis(Number(here.line), '127.0.0.1')
    expect(await redis.echo('through the tunnel')).toBe('through the tunnel')
    const ended = once(redis, 'end')
    await redis.quit()
    await ended
  })
})
