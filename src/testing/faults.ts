import type { PeerId } from '@libp2p/interface'
import { parseKnownPeer } from '../core/peers.ts'
import { type FaultOptions, NO_FAULTS, type Rules, resolveFaults } from './fault-options.ts'

/** Says which peer: a host, its peer id, or the text of that. */
export type FaultPeer = PeerId | string | { readonly peerId: PeerId }

/** One fault that was injected into a stream. */
export interface InjectedFault {
  /** `'error'` is a stream that did not open. */
  readonly kind: 'error' | 'stall' | 'reset' | 'corruption'
  /** The link: in a network the numbers of its hosts, such as `0>2`; else the peer's, in order of first contact. */
  readonly link: string
  readonly protocol: string
  /** Whether this side opened the stream. */
  readonly opened: 'outbound' | 'inbound'
  /** The stream's number among those of the link, the protocol and `opened`; from 0. */
  readonly stream: number
  /** Which way the bytes went. */
  readonly direction: 'out' | 'in'
  /** The bytes of this direction before the fault. */
  readonly offset: number
}

/**
 * The faults in force, and how to change them while streams run. Each method takes what it is about: nothing for every
 * link, one peer for all links of that peer, two for the link between them. Of several `set()` the one for the fewest
 * links counts, as a whole.
 */
export interface Faults {
  /** What the dice were seeded with. */
  readonly seed: number
  /**
   * Sets the faults, in place of those set before for the same peers; bytes that are on their way come no later.
   *
   * @throws PointSubError `ERR_INVALID_CONFIG`, `ERR_INVALID_PEER`
   */
  set(faults: FaultOptions, ...peers: FaultPeer[]): void
  /** The faults set for exactly these peers, if any. */
  get(...peers: FaultPeer[]): FaultOptions | undefined
  /** Takes back `set()` and `partition()` of exactly these peers; without peers every one there was. */
  clear(...peers: FaultPeer[]): void
  /**
   * Holds all bytes, and lets streams and dials wait for `heal()` as long as their `signal` (10 s without one) allows.
   * Open streams and connections stay.
   */
  partition(...peers: FaultPeer[]): void
  /** Takes back `partition()` of exactly these peers; without peers every one there was. */
  heal(...peers: FaultPeer[]): void
  /** Whether bytes of these peers are held, for whatever reason. */
  isPartitioned(...peers: FaultPeer[]): boolean
  /** Resets the open streams. */
  reset(...peers: FaultPeer[]): void
  /** Cuts the connections at this side, or in a network at both: `ERR_CONNECTION_LOST`. The next dial makes a new one. */
  disconnect(...peers: FaultPeer[]): void
  /** The first 10,000 faults injected, in the order of links, streams and bytes, not of time: so two runs compare. */
  readonly log: readonly InjectedFault[]
  /** How many faults were injected. */
  readonly count: number
}

/** What a link does about changes. */
export interface FaultsWatcher {
  readonly peers: readonly [string, string]
  onChange(): void
  onReset(): void
  onDisconnect(): void
}

const LOG_LIMIT = 10_000
const ALL = ''

/** Where links ask what holds for them. */
export class FaultPlan implements Faults {
  readonly seed: number
  readonly watchers: Set<FaultsWatcher> = new Set()
  readonly #given = new Map<string, { options: FaultOptions; rules: Rules }>()
  readonly #partitions = new Set<string>()
  readonly #log: InjectedFault[] = []
  count = 0

  constructor(seed: number) {
    this.seed = seed
  }

  get log(): readonly InjectedFault[] {
    return this.#log.toSorted(
      (one, other) =>
        compare(one.link, other.link) ||
        compare(one.protocol, other.protocol) ||
        compare(one.opened, other.opened) ||
        one.stream - other.stream ||
        compare(one.direction, other.direction) ||
        one.offset - other.offset
    )
  }

  set(faults: FaultOptions, ...peers: FaultPeer[]): void {
    this.#given.set(keyOf(peers), { options: { ...faults }, rules: resolveFaults(faults, 'faults') })
    this.#changed()
  }

  get(...peers: FaultPeer[]): FaultOptions | undefined {
    return this.#given.get(keyOf(peers))?.options
  }

  clear(...peers: FaultPeer[]): void {
    const key = keyOf(peers)
    if (key === ALL) this.#given.clear()
    else this.#given.delete(key)
    this.heal(...peers)
  }

  partition(...peers: FaultPeer[]): void {
    this.#partitions.add(keyOf(peers))
    this.#changed()
  }

  heal(...peers: FaultPeer[]): void {
    const key = keyOf(peers)
    if (key === ALL) this.#partitions.clear()
    else this.#partitions.delete(key)
    this.#changed()
  }

  isPartitioned(...peers: FaultPeer[]): boolean {
    return this.isHeld(namesOf(peers))
  }

  reset(...peers: FaultPeer[]): void {
    for (const watcher of this.#between(peers)) watcher.onReset()
  }

  disconnect(...peers: FaultPeer[]): void {
    for (const watcher of this.#between(peers)) watcher.onDisconnect()
  }

  /** The rules of the link between two peers. */
  rules(peers: readonly [string, string]): Rules {
    for (const key of scopes(peers)) {
      const given = this.#given.get(key)
      if (given !== undefined) return given.rules
    }
    return NO_FAULTS
  }

  isHeld(peers: readonly string[]): boolean {
    return scopes(peers).some(key => this.#partitions.has(key))
  }

  record(fault: InjectedFault): void {
    this.count += 1
    if (this.#log.length < LOG_LIMIT) this.#log.push(fault)
  }

  #between(peers: readonly FaultPeer[]): FaultsWatcher[] {
    const names = namesOf(peers)
    return [...this.watchers].filter(watcher => names.every(name => watcher.peers.includes(name)))
  }

  #changed(): void {
    for (const watcher of this.watchers) watcher.onChange()
  }
}

/** The keys that hold for some peers, that for the fewest links first. */
function scopes(peers: readonly string[]): string[] {
  return peers.length < 2 ? [...peers, ALL] : [join(peers), ...peers, ALL]
}

function keyOf(peers: readonly FaultPeer[]): string {
  return join(namesOf(peers))
}

function namesOf(peers: readonly FaultPeer[]): string[] {
  return peers.map(peer =>
    parseKnownPeer(typeof peer === 'object' && 'peerId' in peer ? peer.peerId : peer).id.toString()
  )
}

function join(names: readonly string[]): string {
  return names.toSorted().join(' ')
}

function compare(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
