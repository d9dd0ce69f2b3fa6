import { PEER_ROW_NAMES, ROW_NAMES, type RowName, YARDSTICK } from './row.ts'

/** Body size and concurrency, and the rows that run with them. */
export interface Scenario {
  readonly bytes: number
  readonly concurrency: number
  readonly rows: readonly RowName[]
}

const BODY_BYTES = [64, 1024, 64 * 1024]
const CONCURRENCY = [1, 64]

/**
 * The scenarios that have a row whose text contains `filter`, with those rows and the yardstick. Rows that others have
 * made are among them with `peers`, or when `filter` names them.
 */
export function selectScenarios(filter: string, peers: boolean): Scenario[] {
  const names = [...ROW_NAMES, ...PEER_ROW_NAMES.filter(row => peers || filter.includes(row))]
  return BODY_BYTES.flatMap(bytes =>
    CONCURRENCY.flatMap(concurrency => {
      const wanted = names.filter(row => `rpc/${row}/${bytes}/${concurrency}`.includes(filter))
      if (wanted.length === 0) return []
      const rows = wanted.includes(YARDSTICK) ? wanted : [YARDSTICK, ...wanted]
      return [{ bytes, concurrency, rows }]
    })
  )
}

/** The same without one row; scenarios of which only the yardstick is left go, too. */
export function withoutRow(scenarios: readonly Scenario[], without: RowName): Scenario[] {
  return scenarios
    .filter(({ rows }) => rows.some(row => row !== without && row !== YARDSTICK))
    .map(scenario => ({ ...scenario, rows: scenario.rows.filter(row => row !== without) }))
}
