import { quantile } from './statistics.ts'

/** One of those who ask at the same time, each for one thing after the other. */
export interface Caller {
  ask(): Promise<Uint8Array>
  /** @throws Error for a wrong answer */
  check(answer: Uint8Array): void
}

/** What one run did; latencies in ms. */
export type Measured = {
  readonly requests: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Bound on the requests of one run, whatever the time. */
const MAX_REQUESTS = 5_000_000

/** Lets all ask for some seconds, each again as soon as it was answered, and checks every answer. */
export async function measureCallers(callers: readonly Caller[], seconds: number): Promise<Measured> {
  const start = performance.now()
  const stopAt = start + seconds * 1000
  const latencies: number[] = []
  const keepAsking = async (caller: Caller): Promise<void> => {
    for (let sent = performance.now(); sent < stopAt && latencies.length < MAX_REQUESTS; ) {
      caller.check(await caller.ask())
      const answered = performance.now()
      latencies.push(answered - sent)
      sent = answered
    }
  }
  await Promise.all(callers.map(keepAsking))
  const elapsed = (performance.now() - start) / 1000
  const sorted = Float64Array.from(latencies).toSorted()
  return {
    requests: latencies.length,
    seconds: elapsed,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1) ?? Number.NaN
  }
}
