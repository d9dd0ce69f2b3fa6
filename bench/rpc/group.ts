import type { BenchOptions } from '../arguments.ts'
import type { GroupResult, Output, ReportRow } from '../group.ts'
import { judge, type Result, resultsOf } from './results.ts'
import { type Measurement, measure } from './rounds.ts'
import type { Scenario } from './scenarios.ts'
import { table } from './table.ts'

const DEFAULT_SECONDS = 0.8

/** Runs the request/response rows and shows them as they come. */
export async function runRpcGroup(
  scenarios: readonly Scenario[],
  { stack, rounds, seconds = DEFAULT_SECONDS }: BenchOptions,
  output: Output
): Promise<GroupResult> {
  const measurements: Measurement[] = []
  const rows: ReportRow[] = []
  for await (const measurement of measure(scenarios, { stack, rounds, seconds, onProgress: output.progress })) {
    const results = resultsOf(measurement)
    output.print(table(results))
    measurements.push(measurement)
    rows.push(...results.map(toRow))
  }
  return { rows, verdicts: judge(measurements, stack.stack) }
}

function toRow({ row, bytes, concurrency, rps, mbps, p50ms, p99ms, ratioToTls }: Result): ReportRow {
  return { bench: 'rpc', row, bytes, concurrency, rps, mbps, p50ms, p99ms, ratioToTls }
}
