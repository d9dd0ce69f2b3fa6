import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Report, Role, ServerUsage } from './child-roles.ts'
import { until } from './until.ts'

const PROGRAM = fileURLToPath(new URL('child-process.ts', import.meta.url))

const SMALL_HEAP = ['--max-old-space-size=128', '--max-semi-space-size=8']

/** A peer in a process of its own. */
export class ChildPeer implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly reports: Report[] = []

  private constructor(child: ChildProcess) {
    this.#process = child
    child.on('message', message => this.reports.push(message as Report))
  }

  /**
   * Starts a process and waits until it is ready. A measured one gets a small heap: V8 collects late when it is allowed
   * gigabytes, and what is to be measured is what the server needs.
   */
  static async start(role: Role): Promise<ChildPeer> {
    const strip = process.features.typescript === false ? ['--experimental-strip-types'] : []
    const child = fork(PROGRAM, [JSON.stringify(role)], {
      execArgv: [
        '--conditions=@pointsub/source',
        '--no-warnings',
        ...strip,
        ...(role.kind === 'measured-server' ? SMALL_HEAP : [])
      ]
    })
    const peer = new ChildPeer(child)
    await peer.report('ready')
    return peer
  }

  /** The next report of a kind, the last one if there are some; a failed process is an error. */
  async report<K extends Report['kind']>(
    kind: K,
    milliseconds = 20_000,
    isWanted: (report: Extract<Report, { kind: K }>) => boolean = () => true
  ): Promise<Extract<Report, { kind: K }>> {
    const isOfKind = (report: Report): report is Extract<Report, { kind: K }> => report.kind === kind
    const found = await until(
      `the child reports "${kind}"`,
      () => ({
        report: this.reports.filter(isOfKind).findLast(isWanted),
        failure: this.reports.find(report => report.kind === 'failed'),
        exitCode: this.#process.exitCode
      }),
      ({ report, failure, exitCode }) => report !== undefined || failure !== undefined || exitCode !== null,
      { within: milliseconds }
    )
    if (found.report === undefined) throw new Error(`the child failed: ${JSON.stringify(found)}`)
    return found.report
  }

  /** What a measured server has used by now. */
  async usage(): Promise<ServerUsage> {
    const before = this.reports.length
    this.#process.send('usage')
    const { usage } = await this.report('usage', 20_000, report => this.reports.indexOf(report) >= before)
    return usage
  }

  get address(): string {
    return this.reports.find(report => report.kind === 'ready')?.address ?? ''
  }

  /** SIGSTOP: the process is there, but does nothing; its kernel still takes bytes. */
  freeze(): void {
    this.#process.kill('SIGSTOP')
  }

  /** SIGCONT: it goes on as if nothing had been. */
  thaw(): void {
    this.#process.kill('SIGCONT')
  }

  /** SIGKILL: the process gets no chance to say goodbye. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
