import type { BenchOptions } from '../arguments.ts'
import type { GroupResult, Output, ReportRow, Verdict } from '../group.ts'
import { median, pairedRatios } from '../statistics.ts'
import { BODY_BYTES } from './caller.ts'
import { type Metered, meterLink } from './meter.ts'
import { ROWS, type RowName } from './protocol.ts'
import { type Measurement, measureCompression, type Sample } from './rounds.ts'

const DEFAULT_SECONDS = 1
const CONCURRENCIES = [1, 64]
const BITS_PER_SECOND = 100e6
/** By how much the link may be off. */
const LINK_TOLERANCE = 0.05
/** Of the requests a second, compressed against not. */
const AT_LEAST = 1.5

const textOf = (concurrency: number): string =>
  ROWS.map(row => `compression/${row}/${BODY_BYTES}/${concurrency}`).join(' ')

/** The text that `--filter` is compared with. */
export const COMPRESSION_TEXT: string = CONCURRENCIES.map(textOf).join(' ')

/** Echoes of 16 KiB of JSON over a link of 100 Mb/s, with compression and without. */
export async function runCompressionGroup(
  { stack, rounds, seconds = DEFAULT_SECONDS, filter }: BenchOptions,
  output: Output
): Promise<GroupResult> {
  output.progress('compression: what the link does')
  const metered = await meterLink(BITS_PER_SECOND)
  const wanted = CONCURRENCIES.filter(concurrency => textOf(concurrency).includes(filter))
  const measurements = await measureCompression(wanted, {
    stack,
    rounds,
    seconds,
    bitsPerSecond: BITS_PER_SECOND,
    onProgress: output.progress
  })
  output.print(`${BODY_BYTES} B of JSON, echoed over a link of ${BITS_PER_SECOND / 1e6} Mb/s each way`)
  output.print(linkLine(metered))
  output.print(line(['', 'rps', 'p50 ms', 'p99 ms', 'of as it is']))
  const rows = measurements.flatMap(measurement => ROWS.map(row => rowOf(measurement, row)))
  for (const { row, concurrency, rps, p50ms, p99ms, ratio } of rows) {
    const cells = [rps.toFixed(0), p50ms.toFixed(3), p99ms.toFixed(3), ratio.toFixed(2)]
    output.print(line([`${row} x ${concurrency}`, ...cells]))
  }
  output.print('')
  return { rows, verdicts: [judgeLink(metered), ...measurements.map(judge)] }
}

interface CompressionRow extends ReportRow {
  readonly row: string
  readonly concurrency: number
  readonly rps: number
  readonly p50ms: number
  readonly p99ms: number
  readonly ratio: number
}

function rowOf({ concurrency, samples }: Measurement, row: RowName): CompressionRow {
  const of = samples.get(row) ?? []
  return {
    bench: 'compression',
    row,
    bytes: BODY_BYTES,
    concurrency,
    rps: median(rpsOf(of)),
    p50ms: median(of.map(({ p50 }) => p50)),
    p99ms: median(of.map(({ p99 }) => p99)),
    ratio: median(pairedRatios(rpsOf(of), rpsOf(samples.get('as-it-is'))))
  }
}

function judge({ concurrency, samples }: Measurement): Verdict {
  const ratios = pairedRatios(rpsOf(samples.get('compressed')), rpsOf(samples.get('as-it-is')))
  const ratio = median(ratios)
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
  const name = `compressed / as it is at ${BODY_BYTES} B of JSON x ${concurrency}`
  return verdict(ratio >= AT_LEAST, `${name} is ${ratio.toFixed(2)} (rounds: ${range}), must be >= ${AT_LEAST}`)
}

function judgeLink({ up, down }: Metered): Verdict {
  const rates = [up, down].map(rate => rate / BITS_PER_SECOND)
  const passed = rates.every(rate => Math.abs(rate - 1) <= LINK_TOLERANCE)
  const text = `the link is as fast as it should be by ${rates.map(rate => rate.toFixed(3)).join(' and ')}`
  return verdict(passed, `${text}, must be within ${LINK_TOLERANCE} of 1`)
}

function verdict(passed: boolean, text: string): Verdict {
  return { passed, text: `${passed ? 'PASS' : 'FAIL'}: ${text}` }
}

function linkLine({ up, down, roundTrip }: Metered): string {
  const [upMbps, downMbps] = [up, down].map(rate => (rate / 1e6).toFixed(1))
  return `the link, measured: ${upMbps} and ${downMbps} Mb/s, 16 KiB there and back in ${roundTrip.toFixed(2)} ms`
}

function rpsOf(samples: readonly Sample[] = []): number[] {
  return samples.map(({ rps }) => rps)
}

function line([title = '', ...cells]: readonly string[]): string {
  return [title.padEnd(18), ...cells.map(cell => cell.padStart(12))].join('')
}
