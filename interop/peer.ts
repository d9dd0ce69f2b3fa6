import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { type Event, isEvent, type Line, type LineOf, parseLine } from './lines.ts'

/** Flags of a wire peer's command; `true` is a flag without a value. */
export type Flags = Record<string, string | number | true>

/** How long a peer may take to end after its standard input did, in ms. */
const PATIENCE = 5_000

/** One run of a wire peer: a process whose lines can be awaited, and which ends with its `await using` block. */
export class WirePeer implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #what: string
  readonly #lines: Line[] = []
  readonly #closed: Promise<number | null>
  #stderr = ''
  #ended = false
  #news = Promise.withResolvers<void>()

  constructor(binary: string, command: string, flags: Flags = {}) {
    const args = [command, ...Object.entries(flags).flatMap(([name, value]) => argument(name, value))]
    this.#what = [binary, ...args].join(' ')
    this.#child = spawn(binary, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    // A peer that ended early does not read its standard input to the end.
    this.#child.stdin.on('error', () => undefined)
    this.#child.on('error', error => this.#end(error.message))
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4_096)
    })
    createInterface({ input: this.#child.stdout }).on('line', line => this.#take(line))
    this.#closed = new Promise(resolve => this.#child.once('close', resolve))
    void this.#closed.then(code => this.#end(`exit code ${String(code)}`))
  }

  /** The lines of one event so far. */
  lines<E extends Event>(event: E): LineOf<E>[] {
    return this.#lines.filter(line => isEvent(line, event))
  }

  /** Waits until the lines of one event are enough; by default, until there is one. Rejects when the peer fails or ends before. */
  async until<E extends Event>(
    event: E,
    enough: (lines: LineOf<E>[]) => boolean = lines => lines.length > 0
  ): Promise<LineOf<E>[]> {
    for (;;) {
      const lines = this.lines(event)
      if (enough(lines)) return lines
      const fatal = this.lines('fatal')[0]
      if (fatal !== undefined) throw new Error(`${this.#what}: ${fatal.error}`)
      if (this.#ended) throw new Error(`${this.#what} ended without enough "${event}" lines. ${this.#stderr}`)
      await this.#news.promise
    }
  }

  /** The first line of one event, awaited. */
  async first<E extends Event>(event: E): Promise<LineOf<E>> {
    const [line] = await this.until(event)
    if (line === undefined) throw new Error(`${this.#what} printed no "${event}" line`)
    return line
  }

  /** The address to dial it by, once it is ready. */
  get address(): string {
    const address = this.lines('ready')[0]?.addrs[0]
    if (address === undefined) throw new Error(`${this.#what} is not ready, or listens nowhere`)
    return address
  }

  /** Gives a peer whose play waits for it the word to go on, or what else it is to read. */
  tell(line = 'go'): void {
    this.#child.stdin.write(`${line}\n`)
  }

  /** Ends the peer's standard input, which is what stops it; its exit code, or null when it had to be killed. */
  async stop(): Promise<number | null> {
    this.#child.stdin.end()
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE)
    const code = await this.#closed
    clearTimeout(kill)
    return code
  }

  /** Kills the peer, as a crash would; waits for its end. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #take(text: string): void {
    try {
      this.#lines.push(parseLine(text))
    } catch (error) {
      this.#lines.push({ event: 'fatal', error: String(error) })
    }
    this.#tell()
  }

  #end(why: string): void {
    this.#ended = true
    this.#stderr += ` (${why})`
    this.#tell()
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}

function argument(name: string, value: string | number | true): string[] {
  return value === true ? [`--${name}`] : [`--${name}`, String(value)]
}
