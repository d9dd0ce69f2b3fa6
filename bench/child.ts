import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { isReply, type Reply } from './reply.ts'

/** How long a child may take to come up, in ms. */
const START_TIMEOUT = 30_000
/** How long a child may take to end by itself before it is killed, in ms. */
const STOP_TIMEOUT = 5_000

/** A process of the benchmark, seen from the parent: one question at a time. It ends when the parent does. */
export class Child {
  readonly #process: ChildProcess
  readonly #name: string
  readonly #exited: Promise<unknown>

  private constructor(script: URL, args: string[]) {
    this.#process = fork(script, args, {
      // What a child prints must not get into the parent's JSON.
      stdio: ['ignore', 2, 2, 'ipc'],
      // For the slow reader, which tells garbage from growth.
      execArgv: [...process.execArgv, '--expose-gc']
    })
    this.#exited = once(this.#process, 'exit')
    this.#name = `${script.pathname.split('/').at(-1) ?? ''} ${args[0] ?? ''}`
  }

  /** @returns the child, and what it said when it was ready */
  static async start(script: URL, args: string[]): Promise<{ child: Child; ready: Reply }> {
    const child = new Child(script, args)
    return { child, ready: await child.#answer(START_TIMEOUT) }
  }

  ask(question: Reply, timeout: number): Promise<Reply> {
    if (!this.#process.connected) return Promise.reject(new Error(`${this.#name} has ended`))
    const answer = this.#answer(timeout)
    this.#process.send(question)
    return answer
  }

  async stop(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT)
    await this.#exited
    clearTimeout(timer)
  }

  #answer(timeout: number): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const onMessage = (message: unknown): void => {
      if (!isReply(message)) reject(new Error(`${this.#name} sent something else than an answer`))
      else if (typeof message.error === 'string') reject(new Error(`${this.#name}: ${message.error}`))
      else resolve(message)
    }
    const onExit = (code: number | null, signal: string | null): void =>
      reject(new Error(`${this.#name} ended early (${signal ?? `exit code ${String(code)}`})`))
    const timer = setTimeout(() => reject(new Error(`${this.#name} did not answer within ${timeout} ms`)), timeout)
    this.#process.once('message', onMessage).once('exit', onExit)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#process.off('message', onMessage).off('exit', onExit)
    })
  }
}

/** Stops all, also when one of them fails to. */
export async function stopAll(children: Child[]): Promise<void> {
  await Promise.allSettled(children.map(child => child.stop()))
}
