import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { isReply, type Reply } from '../../reply.ts'

const SOURCE = fileURLToPath(new URL('../../../interop/go', import.meta.url))
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/pointsub', import.meta.url))
const BINARY = `${CACHE}/${process.platform === 'win32' ? 'bench.exe' : 'bench'}`

/**
 * Builds what {@link GoProcess} runs; the first time that takes a minute or two.
 *
 * @returns whether there is a Go to build it with
 */
export function buildGo(): boolean {
  mkdirSync(CACHE, { recursive: true })
  const { error, status, stderr } = spawnSync(
    'go',
    ['build', '-trimpath', '-buildvcs=false', '-o', BINARY, './bench'],
    {
      cwd: SOURCE,
      encoding: 'utf8'
    }
  )
  if (error !== undefined) return false
  if (status !== 0) throw new Error(`interop/go/bench does not build:\n${stderr}`)
  return true
}

/** The program in interop/go/bench, which ends with the process that started it. */
export class GoProcess {
  readonly #process: ChildProcess
  #waiting: PromiseWithResolvers<Reply>[] = []

  private constructor(args: readonly string[]) {
    const child = spawn(BINARY, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#process = child
    createInterface(child.stdout).on('line', line => this.#receive(line))
    child.once('error', error => this.#fail(error))
    child.once('exit', code => this.#fail(new Error(`bench ${args.join(' ')} ended (exit code ${String(code)})`)))
  }

  /** @returns the process, and what it said when it was ready */
  static async start(args: readonly string[]): Promise<{ process: GoProcess; ready: Reply }> {
    const process = new GoProcess(args)
    return { process, ready: await process.#answer() }
  }

  ask(question: Reply): Promise<Reply> {
    this.#process.stdin?.write(`${JSON.stringify(question)}\n`)
    return this.#answer()
  }

  #answer(): Promise<Reply> {
    const answer = Promise.withResolvers<Reply>()
    this.#waiting.push(answer)
    return answer.promise
  }

  #receive(line: string): void {
    const reply: unknown = JSON.parse(line)
    if (!isReply(reply)) this.#fail(new Error(`Go said ${line}`))
    else if (typeof reply.error === 'string') this.#fail(new Error(reply.error))
    else this.#waiting.shift()?.resolve(reply)
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
