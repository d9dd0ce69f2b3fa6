import type { BenchOptions } from '../arguments.ts'
import type { GroupResult, Output, ReportRow } from '../group.ts'
import { buildGo } from './peers/go-process.ts'
import { judge, type Result, resultsOf } from './results.ts'
import { type Measurement, measure } from './rounds.ts'
import type { RowName } from './row.ts'
import { type Scenario, withoutRow } from './scenarios.ts'
import { table } from './table.ts'

const DEFAULT_SECONDS = 0.8
const GO_ROW: RowName = 'go-libp2p'

/** Runs the request/response rows and shows them as they come. */
export async function runRpcGroup(
  scenarios: readonly Scenario[],
  { stack, rounds, seconds = DEFAULT_SECONDS }: BenchOptions,
  output: Output
): Promise<GroupResult> {
  const measurements: Measurement[] = []
  const rows: ReportRow[] = []
  const runnable = withGoIfThere(scenarios, output)
  for await (const measurement of measure(runnable, { stack, rounds, seconds, onProgress: output.progress })) {
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

function withGoIfThere(scenarios: readonly Scenario[], output: Output): readonly Scenario[] {
  if (!scenarios.some(({ rows }) => rows.includes(GO_ROW))) return scenarios
  output.progress('building interop/go/bench')
  if (buildGo()) return scenarios
  output.print(`${GO_ROW} is left out: there is no "go" on the PATH\n`)
  return withoutRow(scenarios, GO_ROW)
}
