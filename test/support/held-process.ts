import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { HostOptions } from '../../src/host/index.ts'
import type { Answer, Command } from './held-roles.ts'
import { within } from './until.ts'

const PROGRAM = fileURLToPath(new URL('held-program.ts', import.meta.url))
const strip = process.features.typescript === false ? ['--experimental-strip-types'] : []

/** What a process needs to run TypeScript that imports this package. */
export const NODE_ARGUMENTS: string[] = ['--conditions=@pointsub/source', '--no-warnings', ...strip]

/** Milliseconds in which a process that nothing holds has to end. */
const PROMPTLY = 2_000

/** How long what holds a process may take to be as it stays, in ms. */
const SETTLING = 5_000

/** A process with one host, which does as it is told and which nothing but that host keeps up. */
export class HeldProcess implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #exited: Promise<number | null>
  #address = ''

  private constructor(child: ChildProcess) {
    this.#process = child
    this.#exited = once(child, 'exit').then(([code]: (number | null)[]) => code ?? null)
  }

  static async start(options: Pick<HostOptions, 'listen' | 'security'> = {}): Promise<HeldProcess> {
    const held = new HeldProcess(fork(PROGRAM, [JSON.stringify(options)], { execArgv: NODE_ARGUMENTS }))
    await held.#answer('its start')
    return held
  }

  /** Where its host listens. */
  get address(): string {
    return this.#address
  }

  /** Tells it to do something and waits until that is done. */
  async tell(command: Command): Promise<void> {
    await this.#ask(command)
  }

  /** What keeps it up now. */
  async holding(): Promise<string[]> {
    const deadline = performance.now() + SETTLING
    for (;;) {
      const { holding = [] } = await this.#ask({ do: 'look' })
      // libp2p identifies the peer of a new connection, which takes a moment and holds the process meanwhile.
      if (holding.length <= 1 || performance.now() > deadline) return holding
    }
  }

  /** The next thing it says of its own accord. */
  async said(): Promise<unknown> {
    const [message] = await within(10_000, 'the process says something', once(this.#process, 'message'))
    return message
  }

  /** Resolves to its exit code once it has ended by itself. */
  exits(): Promise<number | null> {
    return within(PROMPTLY, 'the process ends', this.#exited)
  }

  /** SIGKILL: the process gets no chance to say goodbye. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  async #ask(command: Command): Promise<Answer> {
    const answered = this.#answer(command.do)
    this.#process.send(command)
    return answered
  }

  async #answer(to: string): Promise<Answer> {
    const told = once(this.#process, 'message').then(([message]: Answer[]) => message)
    const gone = this.#exited.then(code => {
      throw new Error(`the process ended with ${code} before it answered to ${to}`)
    })
    const answer = await within(10_000, `the process answers to ${to}`, Promise.race([told, gone]))
    if (answer?.failure !== undefined) throw new Error(`${to}: ${answer.failure}`)
    this.#address = answer?.addresses[0] ?? this.#address
    return answer ?? { addresses: [] }
  }
}
