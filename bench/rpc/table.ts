import type { Result } from './results.ts'

const COLUMNS: readonly (readonly [title: string, width: number])[] = [
  ['', 16],
  ['rps', 9],
  ['min', 9],
  ['max', 9],
  ['MB/s', 9],
  ['p50 ms', 9],
  ['p99 ms', 9],
  ['of tls', 8]
]

/** The rows of one scenario as text. */
export function table(results: readonly Result[]): string {
  const [first] = results
  if (first === undefined) return ''
  const title = `${first.bytes} B, ${first.concurrency} concurrent`
  const lines = results.map(result =>
    line([
      result.row,
      result.rps.toFixed(0),
      result.minRps.toFixed(0),
      result.maxRps.toFixed(0),
      result.mbps.toFixed(2),
      result.p50ms.toFixed(3),
      result.p99ms.toFixed(3),
      result.ratioToTls.toFixed(3)
    ])
  )
  return [title, line(COLUMNS.map(([name]) => name)), ...lines, ''].join('\n')
}

function line(cells: readonly string[]): string {
  return COLUMNS.map(([, width], at) => {
    const cell = cells[at] ?? ''
    return at === 0 ? cell.padEnd(width) : cell.padStart(width)
  }).join('')
}
