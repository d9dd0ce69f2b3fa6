import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import ssh2, { type ConnectConfig, type ServerChannel, type Session } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { MIB } from '../support/bytes.ts'
import { within } from '../support/until.ts'
import { flavours, type Nets, useNets } from './support/nets.ts'
import { type Serving, serve } from './support/serving.ts'
import { RandomSource, sha256Of, textOf } from './support/streams.ts'

const { Client, Server, utils } = ssh2
const hostKey = utils.generateKeyPairSync('ed25519')
const userKey = utils.generateKeyPairSync('ed25519')

/** Of what the command `bytes` wrote. */
let sent = ''

/** What `ssh host COMMAND` runs here. */
const COMMANDS: Readonly<Record<string, (channel: ServerChannel) => Promise<number>>> = {
  async greet(channel) {
    channel.stderr.write('to stderr')
    channel.write('hello')
    return 7
  },
  async hash(channel) {
    channel.write(await sha256Of(channel))
    return 0
  },
  async bytes(channel) {
    const source = new RandomSource(20 * MIB)
    for await (const chunk of source.stream) if (!channel.write(chunk)) await once(channel, 'drain')
    sent = source.sha256()
    return 0
  },
  hang: () => new Promise(() => {})
}

function onSession(session: Session): void {
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept()
    const run = COMMANDS[command]
    void (run?.(channel) ?? Promise.resolve(127)).then(status => {
      channel.exit(status)
      channel.end()
    })
  })
}

interface Outcome {
  output: string
  errors: string
  status: number | undefined
}

/** An SSH server on sockets of `net`, and a client that is logged in. */
class Both implements AsyncDisposable {
  readonly client: ssh2.Client
  readonly serving: Serving
  #isOpen = true

  private constructor(client: ssh2.Client, serving: Serving) {
    this.client = client
    this.serving = serving
    client.once('close', () => {
      this.#isOpen = false
    })
  }

  static async start(nets: Pick<Nets, 'server' | 'client'>, more: ConnectConfig = {}): Promise<Both> {
    const server = new Server({ hostKeys: [hostKey.private] }, connection => {
      connection.on('error', () => {})
      connection.on('authentication', context => {
        if (context.method === 'publickey' && `ssh-ed25519 ${context.key.data.toString('base64')}` === userKey.public) {
          context.accept()
        } else context.reject(['publickey'])
      })
      connection.on('session', accept => onSession(accept()))
    })
    const serving = await serve(nets, socket => server.injectSocket(socket), { noDelay: true })
    const client = new Client()
    const ready = once(client, 'ready')
    const sock = nets.client.connect({ port: serving.port })
    client.connect({ sock, username: 'tester', privateKey: userKey.private, ...more })
    try {
      await within(10_000, 'the login', ready)
    } catch (error) {
      sock.destroy()
      await serving[Symbol.asyncDispose]()
      throw error
    }
    return new Both(client, serving)
  }

  /** Runs a command that reads nothing, to its end. */
  run(command: string): Promise<Outcome> {
    const outcome: Outcome = { output: '', errors: '', status: undefined }
    return new Promise((resolve, reject) => {
      this.client.exec(command, (error, channel) => {
        if (error !== undefined) return reject(error)
        channel.on('data', (chunk: Buffer) => {
          outcome.output += chunk.toString()
        })
        channel.stderr.on('data', (chunk: Buffer) => {
          outcome.errors += chunk.toString()
        })
        // It may come in the very packet that says that the command runs: a promise's turn later is too late.
        channel.on('exit', (status: number) => {
          outcome.status = status
        })
        channel.once('close', () => resolve(outcome))
      })
    })
  }

  exec(command: string): Promise<ssh2.ClientChannel> {
    return new Promise((resolve, reject) => {
      this.client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : reject(error)))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOpen) {
      const closed = once(this.client, 'close')
      this.client.end()
      await closed
    }
    await this.serving[Symbol.asyncDispose]()
  }
}

describe.each(flavours)('ssh2 over $name', flavour => {
  const nets = useNets(flavour)

  it('runs a command: output, errors, status', async () => {
    await using both = await Both.start(nets)
    expect(await both.run('greet')).toEqual({ output: 'hello', errors: 'to stderr', status: 7 })
    expect(await both.run('nonsense')).toEqual({ output: '', errors: '', status: 127 })
  })

  it('runs 20 commands at once', async () => {
    await using both = await Both.start(nets)
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => both.run('greet')))
    expect(outcomes.every(({ output, status }) => output === 'hello' && status === 7)).toBe(true)
  })

  it('sends 20 MiB through a channel', async () => {
    await using both = await Both.start(nets)
    const channel = await both.exec('hash')
    const source = new RandomSource(20 * MIB)
    const output = textOf(channel)
    await pipeline(source.stream, channel, { end: true })
    expect(await output).toBe(source.sha256())
  })

  it('receives 20 MiB through a channel, also when read slowly', async () => {
    await using both = await Both.start(nets)
    const channel = await both.exec('bytes')
    const hash = createHash('sha256')
    let chunks = 0
    for await (const chunk of channel) {
      hash.update(chunk)
      chunks += 1
      if (chunks % 50 === 0) await new Promise(resolve => setTimeout(resolve, 5))
    }
    expect(hash.digest('hex')).toBe(sent)
  })

  it('keeps alive an idle connection', async () => {
    await using both = await Both.start(nets, { keepaliveInterval: 20, keepaliveCountMax: 100 })
    const bytesRead = (): number => [...both.serving.sockets].reduce((sum, socket) => sum + socket.bytesRead, 0)
    const before = bytesRead()
    await expect.poll(() => bytesRead() - before, { timeout: 5_000 }).toBeGreaterThan(200)
    expect((await both.run('greet')).output).toBe('hello')
  })

  it('refuses a wrong key', async () => {
    const stranger = utils.generateKeyPairSync('ed25519')
    await expect(Both.start(nets, { privateKey: stranger.private })).rejects.toMatchObject({
      level: 'client-authentication'
    })
  })

  it('ends a hanging command when the socket breaks', async () => {
    await using both = await Both.start(nets)
    both.client.on('error', () => {})
    const channel = await both.exec('hang')
    channel.resume()
    const closed = Promise.all([once(channel, 'close'), once(both.client, 'close')])
    for (const socket of both.serving.sockets) socket.destroy()
    await within(5_000, 'channel and client close', closed)
  })
})
