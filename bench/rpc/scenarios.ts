import { ROW_NAMES, type RowName, YARDSTICK } from './row.ts'

/** Body size and concurrency, and the rows that run with them. */
export interface Scenario {
  readonly bytes: number
  readonly concurrency: number
  readonly rows: readonly RowName[]
}

const BODY_BYTES = [64, 1024, 64 * 1024]
const CONCURRENCY = [1, 64]

/** The scenarios that have a row whose text contains `filter`, with those rows and the yardstick. */
export function selectScenarios(filter: string): Scenario[] {
  return BODY_BYTES.flatMap(bytes =>
    CONCURRENCY.flatMap(concurrency => {
      const wanted = ROW_NAMES.filter(row => `rpc/${row}/${bytes}/${concurrency}`.includes(filter))
      if (wanted.length === 0) return []
      const rows = wanted.includes(YARDSTICK) ? wanted : [YARDSTICK, ...wanted]
      return [{ bytes, concurrency, rows }]
    })
  )
}
