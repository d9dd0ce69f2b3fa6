import { type Connection, ConnectionClosedError, type MessageStreamDirection } from '@libp2p/interface'
import { Dice } from './dice.ts'
import { NO_FAULTS, type Rules } from './fault-options.ts'
import type { FaultPlan, FaultsWatcher, InjectedFault } from './faults.ts'
import type { PacketFault } from './packets.ts'

/** What a stream of a link does about changes. */
export interface LinkStream {
  readonly connection: Connection
  onRules(): void
  onHealed(): void
  fail(): void
  onConnectionClose(): void
}

/** One direction of a link: its bandwidth is shared. */
export interface Lane {
  rules: Rules
  /** When the last byte that was sent leaves, in ms of `performance.now()`. */
  free: number
}

/**
 * Where the faults of both directions are injected. Two hosts of one network would otherwise both delay the same bytes,
 * so there the sender does it.
 */
export type Sides = 'both' | 'sender'

export interface LinkInit {
  readonly peers: readonly [string, string]
  /** Its name for the dice and in the log. */
  readonly label: string
  readonly sides: Sides
  /** Those that are open. */
  readonly connections: () => Connection[]
}

/** A host's way to one peer, with all its connections. */
export class Link implements FaultsWatcher {
  readonly peers: readonly [string, string]
  readonly label: string
  readonly streams: Set<LinkStream> = new Set()
  readonly out: Lane = { rules: NO_FAULTS, free: 0 }
  readonly in: Lane = { rules: NO_FAULTS, free: 0 }
  readonly sides: Sides
  readonly #plan: FaultPlan
  readonly #connections: () => Connection[]
  readonly #numbers = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  #rules: Rules = NO_FAULTS
  #wasHeld = false

  constructor(plan: FaultPlan, init: LinkInit) {
    const { peers, label, sides, connections } = init
    this.#plan = plan
    this.#connections = connections
    this.peers = peers
    this.label = label
    this.sides = sides
    this.#update()
    this.#wasHeld = this.isHeld
    plan.watchers.add(this)
  }

  get rules(): Rules {
    return this.#plan.rules(this.peers)
  }

  get isHeld(): boolean {
    return this.#plan.isHeld(this.peers)
  }

  /** Calls `onHealed` when the link is not partitioned any more; the returned function takes that back. */
  whenHealed(onHealed: () => void): () => void {
    this.#waiting.add(onHealed)
    return () => this.#waiting.delete(onHealed)
  }

  /** A new stream of the link, counted among its like. */
  nextStream(protocol: string, opened: MessageStreamDirection): StreamFaults {
    const kind = `${protocol} ${opened}`
    const stream = this.#numbers.get(kind) ?? 0
    this.#numbers.set(kind, stream + 1)
    return new StreamFaults(this.#plan, { link: this.label, protocol, opened, stream })
  }

  onChange(): void {
    // What was set for other links is no reason to end a stall here.
    if (this.rules !== this.#rules) {
      this.#update()
      for (const stream of this.streams) stream.onRules()
    }
    const wasHeld = this.#wasHeld
    this.#wasHeld = this.isHeld
    if (!wasHeld || this.#wasHeld) return
    for (const stream of this.streams) stream.onHealed()
    for (const onHealed of this.#waiting) onHealed()
  }

  onReset(): void {
    for (const stream of this.streams) stream.fail()
  }

  onDisconnect(): void {
    for (const connection of this.#connections()) {
      // What has arrived can still be read, unlike after a connection was aborted by its own side.
      this.onConnectionClose(connection)
      connection.abort(new ConnectionClosedError('a fault was injected'))
    }
  }

  onConnectionClose(connection: Connection): void {
    for (const stream of this.streams) {
      if (stream.connection === connection) stream.onConnectionClose()
    }
  }

  #update(): void {
    const { rules } = this
    this.#rules = rules
    if (rules === NO_FAULTS) {
      this.out.rules = NO_FAULTS
      this.in.rules = NO_FAULTS
    } else {
      this.out.rules = { ...rules, slowReader: Infinity }
      this.in.rules = this.sides === 'both' ? rules : { ...NO_FAULTS, slowReader: rules.slowReader }
    }
    // What waits is put in order anew by its streams.
    this.out.free = 0
    this.in.free = 0
  }
}

/** The dice of one stream, and its place in the log. */
export class StreamFaults {
  readonly #plan: FaultPlan
  readonly #name: Pick<InjectedFault, 'link' | 'protocol' | 'opened' | 'stream'>

  constructor(plan: FaultPlan, name: Pick<InjectedFault, 'link' | 'protocol' | 'opened' | 'stream'>) {
    this.#plan = plan
    this.#name = name
  }

  /** Whether the stream does not open. */
  failsToOpen(errorRate: number, direction: 'out' | 'in'): boolean {
    if (errorRate === 0 || this.dice('open').at(0) >= errorRate) return false
    this.#plan.record({ ...this.#name, kind: 'error', direction, offset: 0 })
    return true
  }

  dice(what: 'open' | 'out' | 'in'): Dice {
    const { link, protocol, opened, stream } = this.#name
    return new Dice([this.#plan.seed, link, protocol, opened, stream, what].join(' '))
  }

  record(direction: 'out' | 'in', { kind, offset }: PacketFault): void {
    this.#plan.record({ ...this.#name, kind, direction, offset })
  }
}
