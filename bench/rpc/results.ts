import type { Stack } from '../stack.ts'
import type { Verdict } from '../group.ts'
import { median, pairedRatios } from '../statistics.ts'
import type { Measurement, Sample } from './rounds.ts'
import { type RowName, YARDSTICK } from './row.ts'

/** One row in one scenario; everything is the median over the rounds. */
export interface Result {
  readonly row: RowName
  readonly bytes: number
  readonly concurrency: number
  readonly rps: number
  readonly minRps: number
  readonly maxRps: number
  /** Megabytes (10^6) of bodies a second in each direction. */
  readonly mbps: number
  readonly p50ms: number
  readonly p99ms: number
  readonly ratioToTls: number
}

export function resultsOf({ scenario, samples }: Measurement): Result[] {
  const { bytes, concurrency, rows } = scenario
  const yardstick = rpsOf(samples.get(YARDSTICK))
  return rows.map(row => {
    const of = samples.get(row) ?? []
    const rps = rpsOf(of)
    return {
      row,
      bytes,
      concurrency,
      rps: median(rps),
      minRps: Math.min(...rps),
      maxRps: Math.max(...rps),
      mbps: (median(rps) * bytes) / 1e6,
      p50ms: median(of.map(({ p50 }) => p50)),
      p99ms: median(of.map(({ p99 }) => p99)),
      ratioToTls: median(pairedRatios(rps, yardstick))
    }
  })
}

/** A promise this package makes: one row against another in one scenario. */
interface RatioBound {
  readonly row: RowName
  readonly against: RowName
  readonly bytes: number
  readonly concurrency: number
  /** Of the requests a second. */
  readonly atLeast?: number
  /** Of p99 / p50: how far the slow calls are from the usual ones. */
  readonly spreadAtMost?: number
  /** Promised on this stack only. */
  readonly stack?: Stack
}

const BOUNDS: readonly RatioBound[] = [
  { row: 'client-send', against: 'raw-one-stream', bytes: 64, concurrency: 64, atLeast: 3, stack: 'stock' },
  { row: 'client-send', against: 'raw-one-stream', bytes: 1024, concurrency: 64, atLeast: 2.5, stack: 'stock' },
  ...[64, 1024, 64 * 1024].flatMap(bytes =>
    [1, 64].map(
      concurrency => ({ row: 'client-mux', against: 'client-plain', bytes, concurrency, atLeast: 1 }) as const
    )
  ),
  { row: 'client-plain', against: 'raw-new-stream', bytes: 64, concurrency: 64, atLeast: 6 },
  { row: 'client-plain', against: 'raw-pool-64', bytes: 64, concurrency: 64, atLeast: 0.8 },
  { row: 'client-plain', against: 'raw-pool-64', bytes: 64, concurrency: 64, spreadAtMost: 1.5 },
  { row: 'client-plain', against: 'stock-pool-64', bytes: 64, concurrency: 64, atLeast: 1.2, stack: 'host' },
  { row: 'net-socket', against: 'raw-pool-64', bytes: 64, concurrency: 1, atLeast: 0.85 },
  { row: 'net-socket', against: 'raw-pool-64', bytes: 64, concurrency: 64, atLeast: 0.85 }
]

export function judge(measurements: readonly Measurement[], stack: Stack): Verdict[] {
  return BOUNDS.filter(bound => bound.stack === undefined || bound.stack === stack).map(bound => {
    const { row, against, bytes, concurrency, atLeast = 0, spreadAtMost } = bound
    const { samples } =
      measurements.find(({ scenario }) => scenario.bytes === bytes && scenario.concurrency === concurrency) ?? {}
    const of = spreadAtMost === undefined ? rpsOf : spreadsOf
    const ratios = pairedRatios(of(samples?.get(row)), of(samples?.get(against)))
    const ratio = median(ratios)
    const name = `${spreadAtMost === undefined ? '' : 'p99/p50 of '}${row} / ${against} at ${bytes} B x ${concurrency}`
    if (Number.isNaN(ratio)) return { text: `not measured: ${name}`, passed: undefined }
    const passed = spreadAtMost === undefined ? ratio >= atLeast : ratio <= spreadAtMost
    const must = spreadAtMost === undefined ? `>= ${atLeast}` : `<= ${spreadAtMost}`
    const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
    const text = `${passed ? 'PASS' : 'FAIL'}: ${name} is ${ratio.toFixed(2)} (rounds: ${range}), must be ${must}`
    return { text, passed }
  })
}

function spreadsOf(samples: readonly Sample[] = []): number[] {
  return samples.map(({ p50, p99 }) => p99 / p50)
}

function rpsOf(samples: readonly Sample[] = []): number[] {
  return samples.map(({ rps }) => rps)
}
