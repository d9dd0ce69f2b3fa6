import { multiaddr } from '@multiformats/multiaddr'
import type { Security } from '../../../src/host/index.ts'
import { until, within } from '../until.ts'
import { FaultRig } from './rig.ts'
import { hostSockets } from './sockets.ts'
import { type Direction, type Plan, Tamper } from './tamper.ts'

/** What came of one dial through a Tamper. */
export interface Outcome {
  readonly plan: Plan
  /** Whether the host that dialled got a connection, and whether the one that listens did. */
  readonly dialled: boolean
  readonly accepted: boolean
  /** Milliseconds until both knew. */
  readonly took: number
}

/** Two hosts of ours and what is between them. */
export class Tampering implements AsyncDisposable {
  readonly dialler: FaultRig
  readonly listener: FaultRig
  readonly #timeout: number

  private constructor(dialler: FaultRig, listener: FaultRig, timeout: number) {
    this.dialler = dialler
    this.listener = listener
    this.#timeout = timeout
  }

  static async start(security: Security, timeout: number): Promise<Tampering> {
    const dialler = await FaultRig.start({ security, timeout })
    return new Tampering(dialler, await FaultRig.start({ security, timeout }), timeout)
  }

  /** Bytes of a good handshake in each direction, and what comes right behind it. */
  async lengths(): Promise<Record<Direction, number>> {
    await using tamper = await Tamper.before(this.listener.port)
    await this.dialler.dial(tamper.address)
    await this.#accepts(tamper)
    const { out, back } = tamper.came
    await this.#forget()
    return { out, back }
  }

  /** Dials once for each plan, so many at once; nothing may be left of any. */
  async play(plans: readonly Plan[], atOnce: number): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    const rest = plans.values()
    const worker = async (): Promise<void> => {
      for (const plan of rest) outcomes.push(await this.#one(plan))
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
    await this.#isAsBefore()
    return outcomes
  }

  async #one(plan: Plan): Promise<Outcome> {
    await using tamper = await Tamper.before(this.listener.port, plan)
    const start = performance.now()
    const dial = this.dialler.host.dial(multiaddr(tamper.address), { force: true })
    const connection = await within(this.#timeout + 2_000, `the dial ends (${JSON.stringify(plan)})`, dial).catch(
      (error: Error) => (error.message.includes(JSON.stringify(plan)) ? Promise.reject(error) : undefined)
    )
    // Who dials may be done before the other side has seen all.
    const ended = await until(
      `both sides know what came of ${JSON.stringify(plan)}`,
      () => ({ open: connection?.status === 'open', accepted: this.#has(tamper), sockets: this.#socketsOf(tamper) }),
      ({ open, accepted, sockets }) => (open ? accepted : accepted || sockets === 0),
      { within: this.#timeout + 2_000 }
    )
    const outcome = { plan, dialled: connection !== undefined, accepted: ended.accepted, took: performance.now() - start }
    connection?.abort(new Error('the test is over'))
    return outcome
  }

  /** Afterwards both still do what they are for. */
  async serves(): Promise<void> {
    await this.listener.serves()
    await this.dialler.serves()
  }

  #has({ port }: Tamper): boolean {
    return this.listener.host.getConnections().some(({ remoteAddr }) => `${remoteAddr.toString()}/`.includes(`/tcp/${port}/`))
  }

  /** Sockets of the two hosts to this proxy. */
  #socketsOf({ port, address }: Tamper): number {
    const outer = address.slice(address.lastIndexOf('/') + 1)
    return hostSockets().filter(socket => socket.endsWith(`-> ${port}`) || socket.endsWith(`-> ${outer}`)).length
  }

  #accepts(tamper: Tamper): Promise<unknown> {
    return until(
      'the listening host has the connection',
      () => this.#has(tamper),
      has => has
    )
  }

  async #forget(): Promise<void> {
    for (const { host } of [this.dialler, this.listener]) {
      for (const connection of host.getConnections()) connection.abort(new Error('the test is over'))
    }
    await this.#isAsBefore()
  }

  /** The hosts are good peers of each other, so that they may have had connections. */
  async #isAsBefore(): Promise<void> {
    for (const rig of [this.dialler, this.listener]) {
      rig.opened.length = 0
      await rig.isAsBefore()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.dialler[Symbol.asyncDispose](), this.listener[Symbol.asyncDispose]()])
  }
}
