import { multiaddr } from '@multiformats/multiaddr'
import { until, within } from '../until.ts'
import { FaultRig, type Way } from './rig.ts'
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

/** Whether the side that reads what was tampered with has a connection. */
export function isDone({ plan, accepted, dialled }: Outcome): boolean {
  return plan.direction === 'out' ? accepted : dialled
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

  static async start(way: Way, timeout: number): Promise<Tampering> {
    const dialler = await FaultRig.start({ way, timeout })
    return new Tampering(dialler, await FaultRig.start({ way, timeout }), timeout)
  }

  /** The least bytes of a direction that the side which reads them needs to be done with a handshake. */
  async length(direction: Direction): Promise<number> {
    let [tooFew, enough] = [0, await this.#upperBound(direction)]
    while (enough - tooFew > 1) {
      const at = Math.floor((tooFew + enough) / 2)
      const [outcome] = await this.play([{ direction, at, fault: 'fin' }], 1)
      if (outcome !== undefined && isDone(outcome)) enough = at
      else tooFew = at
    }
    return enough
  }

  /** The bytes of a handshake and of what comes right behind it. */
  async #upperBound(direction: Direction): Promise<number> {
    await using tamper = await Tamper.before(this.listener.port)
    await this.dialler.dial(tamper.address)
    await until(
      'the listening host has the connection',
      () => this.#has(tamper),
      has => has
    )
    const came = tamper.came[direction]
    await this.forget()
    return came
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
    tamper.onPort = port => this.listener.ports.delete(String(port))
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
    const outcome = {
      plan,
      dialled: connection !== undefined,
      accepted: ended.accepted,
      took: performance.now() - start
    }
    connection?.abort(new Error('the test is over'))
    return outcome
  }

  /** Afterwards both still do what they are for. */
  async serves(): Promise<void> {
    await this.listener.serves()
    await this.dialler.serves()
  }

  #has({ port }: Tamper): boolean {
    return this.listener.ports.has(String(port))
  }

  /** Sockets of the two hosts to this proxy. */
  #socketsOf({ port, address }: Tamper): number {
    const outer = address.slice(address.lastIndexOf('/') + 1)
    const ends = [`-> ${port ?? 'nobody'}`, `-> ${outer}`]
    return hostSockets().filter(socket => ends.some(end => socket.endsWith(end))).length
  }

  /** Ends what connections there are. */
  async forget(): Promise<void> {
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
