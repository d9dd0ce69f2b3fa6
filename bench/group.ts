/** One element of the JSON array. */
export type ReportRow = Readonly<Record<string, string | number | null>>

/** Whether a promise of this package was kept. */
export interface Verdict {
  readonly text: string
  /** undefined: a row it needs was not measured */
  readonly passed: boolean | undefined
}

/** What one group of benchmarks found. */
export interface GroupResult {
  readonly rows: readonly ReportRow[]
  readonly verdicts: readonly Verdict[]
}

/** Where a group shows what it finds; with `--json` nowhere. */
export interface Output {
  readonly print: (text: string) => void
  readonly progress: (text: string) => void
}
