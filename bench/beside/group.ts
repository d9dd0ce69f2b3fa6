import type { BenchOptions } from '../arguments.ts'
import type { GroupResult, Output, Verdict } from '../group.ts'
import { median, pairedRatios } from '../statistics.ts'
import { type Latency, measureBeside, type Sample, SMALL_BYTES } from './rounds.ts'

const DEFAULT_SECONDS = 2
const CONCURRENCIES = [1, 64]
/** Of the slow calls: beside the large ones against alone. */
const P99_AT_MOST = 10
/** Of any small call, in ms. */
const MAX_AT_MOST = 250

const textOf = (concurrency: number): string => `bulk-beside/client-send/${SMALL_BYTES}/${concurrency}`

/** The text that `--filter` is compared with. */
export const BESIDE_TEXT: string = CONCURRENCIES.map(textOf).join(' ')

/** Small calls, alone and beside four 32 MiB bodies in each direction, with one Client on one protocol. */
export async function runBesideGroup(
  { stack, rounds, seconds = DEFAULT_SECONDS, filter }: BenchOptions,
  output: Output
): Promise<GroupResult> {
  const wanted = CONCURRENCIES.filter(concurrency => textOf(concurrency).includes(filter))
  const samples = await measureBeside(wanted, { stack, rounds, seconds, onProgress: output.progress })
  output.print(`${SMALL_BYTES} B calls beside four 32 MiB bodies in each direction`)
  output.print(line('', ['p50 ms', 'p99 ms', 'max ms', 'up MB/s', 'down MB/s']))
  const found = [...samples].map(([concurrency, of]) => ({ concurrency, ...summaryOf(of), ratio: p99Ratio(of) }))
  for (const { concurrency, alone, beside, up, down } of found) {
    output.print(line(`${concurrency} in flight, alone`, cells(alone)))
    output.print(line(`${concurrency} in flight, beside`, [...cells(beside), up.toFixed(1), down.toFixed(1)]))
  }
  output.print('')
  const rows = found.map(({ concurrency, alone, beside, up, down, ratio }) => ({
    bench: 'bulk-beside',
    row: 'client-send',
    bytes: SMALL_BYTES,
    concurrency,
    p50ms: beside.p50,
    p99ms: beside.p99,
    maxMs: beside.max,
    p50msAlone: alone.p50,
    p99msAlone: alone.p99,
    maxMsAlone: alone.max,
    p99Ratio: ratio,
    mbpsUp: up,
    mbpsDown: down
  }))
  return { rows, verdicts: [...samples].flatMap(([concurrency, of]) => judge(concurrency, of)) }
}

interface Summary {
  readonly alone: Latency
  readonly beside: Latency
  /** MB/s of the requests that are large, and of such answers. */
  readonly up: number
  readonly down: number
}

function summaryOf(samples: readonly Sample[]): Summary {
  return {
    alone: latencyOf(samples.map(({ alone }) => alone)),
    beside: latencyOf(samples.map(({ beside }) => beside)),
    up: median(samples.map(({ up }) => up)) / 1e6,
    down: median(samples.map(({ down }) => down)) / 1e6
  }
}

/** Medians over the rounds, but the longest of all. */
function latencyOf(latencies: readonly Latency[]): Latency {
  return {
    p50: median(latencies.map(({ p50 }) => p50)),
    p99: median(latencies.map(({ p99 }) => p99)),
    max: Math.max(...latencies.map(({ max }) => max))
  }
}

function p99Ratios(samples: readonly Sample[]): number[] {
  return pairedRatios(
    samples.map(({ beside }) => beside.p99),
    samples.map(({ alone }) => alone.p99)
  )
}

function p99Ratio(samples: readonly Sample[]): number {
  return median(p99Ratios(samples))
}

function judge(concurrency: number, samples: readonly Sample[]): Verdict[] {
  const ratios = p99Ratios(samples)
  const ratio = median(ratios)
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
  const { max } = summaryOf(samples).beside
  const name = `${SMALL_BYTES} B x ${concurrency} beside 32 MiB bodies`
  return [
    verdict(
      ratio <= P99_AT_MOST,
      `p99 of ${name} is ${ratio.toFixed(2)} times that alone (rounds: ${range}), must be <= ${P99_AT_MOST}`
    ),
    verdict(max <= MAX_AT_MOST, `the longest of ${name} took ${max.toFixed(1)} ms, must be <= ${MAX_AT_MOST}`)
  ]
}

function verdict(passed: boolean, text: string): Verdict {
  return { passed, text: `${passed ? 'PASS' : 'FAIL'}: ${text}` }
}

function cells({ p50, p99, max }: Latency): string[] {
  return [p50, p99, max].map(value => value.toFixed(3))
}

function line(title: string, values: readonly string[]): string {
  return [title.padEnd(22), ...values.map(value => value.padStart(11))].join('')
}
