import { PointSubError } from '../core/errors.ts'

/** How long a place has to be unused before anybody else may have it, in ms. */
const UNUSED = 1_000
/** How long who has less than his share waits until others have to make room who have no more than theirs, in ms. */
const PATIENCE = 50
const WITHDRAWN = new PointSubError('ERR_ABORTED', 'the place is not needed any more')

/** Who takes places. */
export interface PlaceHolder {
  /** Gives up a place that has not been used for so many milliseconds; whether there is one. */
  yieldUnused(milliseconds: number): boolean
}

/** What an account asks its budget. */
interface AccountOf {
  take(): Promise<void>
  give(places: number): void
  withdraw(): void
  isWaiting(): boolean
  mustYield(isNeeded: boolean): boolean
  leave(): void
}

interface Waiter {
  readonly account: PlaceAccount
  readonly since: number
  resolve(): void
  reject(reason: PointSubError): void
}

/**
 * The places for streams that all pools of a client share: `maxTotalConns`. Who finds none left waits in order; pools
 * that have less than their share, the same for each, are given what others do not use or have above their own.
 */
export class StreamBudget {
  readonly #max: number
  readonly #now: () => number
  readonly #accounts = new Set<PlaceAccount>()
  /** In the order they came. */
  readonly #waiting = new Set<Waiter>()
  #taken = 0
  /** Places that those who have them are giving up. */
  #coming = 0
  /** The first of those who wait and have less than their share, as far as it is known. */
  #poorest: Waiter | undefined
  #isPoorestKnown = true

  /** @param now milliseconds of a monotonic clock */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max
    this.#now = now
  }

  /** Places taken now. */
  get taken(): number {
    return this.#taken
  }

  open(holder: PlaceHolder): PlaceAccount {
    const account: PlaceAccount = new PlaceAccount(holder, {
      take: () => this.#take(account),
      give: places => this.#give(places),
      withdraw: () => this.#withdraw(account),
      isWaiting: () => [...this.#waiting].some(waiter => waiter.account === account),
      mustYield: isNeeded => this.#mustYield(account, isNeeded),
      leave: () => {
        this.#accounts.delete(account)
        this.#isPoorestKnown = false
      }
    })
    this.#accounts.add(account)
    this.#isPoorestKnown = false
    return account
  }

  /** Looks for places that are not used; called now and then. */
  sweep(): void {
    for (const waiter of this.#waiting) {
      if (this.#coming >= this.#waiting.size) return
      this.#reclaim(waiter)
    }
  }

  #take(account: PlaceAccount): Promise<void> {
    if (this.#taken < this.#max) {
      this.#taken += 1
      account.places += 1
      this.#isPoorestKnown = false
      return Promise.resolve()
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter: Waiter = { account, since: this.#now(), resolve, reject }
    this.#waiting.add(waiter)
    // Who has his share already waits for the next sweep.
    if (account.places < this.#share) {
      this.#poorest ??= waiter
      this.#reclaim(waiter)
    }
    return promise
  }

  #give(places: number): void {
    for (let given = 0; given < places; given += 1) {
      this.#coming = Math.max(0, this.#coming - 1)
      this.#isPoorestKnown = false
      const next = this.#next() ?? this.#first()
      if (next === undefined) {
        this.#taken -= 1
        continue
      }
      this.#waiting.delete(next)
      next.account.places += 1
      this.#isPoorestKnown = false
      next.resolve()
    }
  }

  #withdraw(account: PlaceAccount): void {
    for (const waiter of this.#waiting) {
      if (waiter.account !== account) continue
      this.#waiting.delete(waiter)
      if (waiter === this.#poorest) this.#isPoorestKnown = false
      waiter.reject(WITHDRAWN)
    }
  }

  /** Whether a place that has just become free is to be given up; whoever asks does so. */
  #mustYield(account: PlaceAccount, isNeeded: boolean): boolean {
    if (this.#coming >= this.#waiting.size) return false
    const next = this.#next()
    if (next === undefined || next.account === account) return false
    const isSpare = account.places > this.#share || !(isNeeded || this.#isAnybodyRich)
    if (!isSpare && !this.#isPatienceOver(next)) return false
    this.#coming += 1
    return true
  }

  /** The first of those who have less than their share. */
  #next(): Waiter | undefined {
    if (this.#isPoorestKnown) return this.#poorest
    this.#isPoorestKnown = true
    this.#poorest = undefined
    for (const waiter of this.#waiting) {
      if (waiter.account.places >= this.#share) continue
      this.#poorest = waiter
      break
    }
    return this.#poorest
  }

  #first(): Waiter | undefined {
    const [first] = this.#waiting
    return first
  }

  /** Makes one of the others give up a place for somebody who waits, if there is one to spare. */
  #reclaim(waiter: Waiter): void {
    const isPoor = waiter.account.places < this.#share
    // As long as there are some who have more than their share, the others are left alone.
    const allSpare = !this.#isAnybodyRich || this.#isPatienceOver(waiter)
    for (const other of this.#accounts) {
      if (other === waiter.account) continue
      const isSpare = allSpare || other.places > this.#share
      if (!other.holder.yieldUnused(isPoor && isSpare ? 0 : UNUSED)) continue
      this.#coming += 1
      return
    }
  }

  get #isAnybodyRich(): boolean {
    for (const { places } of this.#accounts) if (places > this.#share) return true
    return false
  }

  #isPatienceOver({ since }: Waiter): boolean {
    return this.#now() - since > PATIENCE
  }

  get #share(): number {
    return Math.max(1, Math.floor(this.#max / this.#accounts.size))
  }
}

/** The places of one pool. */
export class PlaceAccount {
  readonly holder: PlaceHolder
  readonly #budget: AccountOf
  #closed = false
  places = 0

  constructor(holder: PlaceHolder, budget: AccountOf) {
    this.holder = holder
    this.#budget = budget
  }

  /** Resolves when there is a place; rejects when it was {@link withdraw}n. */
  take(): Promise<void> {
    return this.#budget.take()
  }

  give(): void {
    if (this.#closed) return
    this.places -= 1
    this.#budget.give(1)
  }

  /** Takes no more of the places that were asked for. */
  withdraw(): void {
    this.#budget.withdraw()
  }

  /** Whether it waits for a place. */
  get isWaiting(): boolean {
    return this.#budget.isWaiting()
  }

  /** Whether a place that has just become free has to be given up, although its pool needs it perhaps. */
  mustYield(isNeeded: boolean): boolean {
    return this.#budget.mustYield(isNeeded)
  }

  /** Gives everything back, and takes no part any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.withdraw()
    this.#budget.leave()
    this.#budget.give(this.places)
    this.places = 0
  }
}
